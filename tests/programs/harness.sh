# What the script tests of the programs share; each begins with `. "$(dirname "$0")/harness.sh"` and has the program as $1. They run in a folder of their own
# that goes with them; `finish` at the end says how many checks failed.
set -u
program=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0
out_option="--out kept" # a script whose program writes no file empties it

fail() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}

# refuses SENTENCE ARGUMENTS...: exit 2, the sentence alone on standard error, nothing written
refuses() {
    sentence=$1
    shift
    echo old >kept
    # shellcheck disable=SC2086 # the option is two words
    "$program" $out_option "$@" >out 2>err
    code=$?
    [ $code -eq 2 ] || fail "$* ended with $code, not 2"
    grep -qF -- "$sentence" err || fail "$* said: $(cat err)"
    [ "$(wc -l <err)" -eq 1 ] || fail "$* said more than a sentence: $(cat err)"
    [ -s out ] && fail "$* wrote to standard output"
    [ "$(cat kept)" = old ] || fail "$* wrote over a file"
    return 0
}

# gives TEXT ARGUMENTS...: exit 0, the text in the output with blanks and line ends taken out, nothing on standard error
gives() {
    text=$1
    shift
    "$program" "$@" >out 2>err || fail "$* ended with $?: $(cat err)"
    tr -d ' \n' <out | grep -qF -- "$(printf %s "$text" | tr -d ' \n')" || fail "$* gave: $(head -c 2000 out)"
    [ -s err ] && fail "$* said: $(cat err)"
    return 0
}

# finish: how many checks failed, and the exit code
finish() {
    if [ $failures -gt 0 ]; then
        echo "$failures failures"
        exit 1
    fi
    echo "$(basename "$program"): all passed"
}
