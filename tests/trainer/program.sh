#!/bin/sh
# The trainer as a user meets it: what it refuses (exit 2, a sentence, nothing written), and that a killed run goes on to the
# bit. Usage: sh program.sh PATH_TO_TRAINER
. "$(dirname "$0")/../programs/harness.sh"
trainer=$program
export XDG_CACHE_HOME="$work/cache"

# refuses SENTENCE ARGUMENTS...: exit 2, the sentence on standard error, standard output empty, no output folder
refuses() {
    sentence=$1
    shift
    "$trainer" --out "$work/none" "$@" >out 2>err
    code=$?
    [ $code -eq 2 ] || fail "$* ended with $code, not 2"
    grep -qF -- "$sentence" err || fail "$* said: $(cat err)"
    [ -s out ] && fail "$* wrote to standard output"
    [ -e "$work/none" ] && fail "$* made the output folder"
    return 0
}

mkdir -p bad/t empty list latin
echo '[{"prompt": "a", "answer": "b"}]' >bad/t/test.json
cp bad/t/test.json bad/t/eval.json
refuses "there is no such folder" --data nowhere
refuses "holds no task" --data empty
echo '[]' >bad/t/train.json
refuses "t/train.json" --data bad
printf '[{"prompt": "a",\n"answer": }]' >bad/t/train.json
refuses "t/train.json:2" --data bad
echo '[{"prompt": "a", "label": "b"}]' >bad/t/train.json
refuses '"answer"' --data bad
printf '[{"prompt": "\377", "answer": "b"}]' >bad/t/train.json
refuses "UTF-8" --data bad
refuses 'there is no method "magic"' --methods seq,magic
refuses "seq is named twice" --methods seq,seq
refuses "--budget must be at least 1" --budget 0
refuses "--train-limit must be at least 1" --train-limit 0
refuses "replayed examples are asked" --methods random --budget 9999 --strict
refuses 'there is no task "chess"' --tasks chess
refuses "--help lists the options" --nonsense
refuses "there is no such folder" --general nowhere
refuses "there is no such file" --tags nowhere.json
refuses "a condition reads NAME<=NUMBER" --gate "forgetting"
refuses "--gate-confidence needs --gate" --gate-confidence 0.9
touch file
"$trainer" --out "$work/file" >out 2>err
[ $? -eq 2 ] || fail "a file as --out was not refused"
grep -qF "is a file, not a folder" err || fail "a file as --out: $(cat err)"
"$trainer" --out "$work/file/below" >out 2>err
[ $? -eq 2 ] || fail "an unwritable --out was not refused"
grep -qF "cannot be made" err || fail "an unwritable --out: $(cat err)"

# A small run, whole; the same run killed once per method and taken up again.
tiny="--quick --tasks quantities,choice,stance --train-limit 32 --test-limit 6 --base-examples 40 --no-single"
"$trainer" $tiny --methods lora,replay,inscl --budget 4 --out whole >whole.txt 2>whole.err || fail "the small run ended with $?: $(cat whole.err)"
for method in lora replay inscl; do
    "$trainer" $tiny --methods lora,replay,inscl --budget 4 --out cut >cut.txt 2>cut.err &
    pid=$!
    tries=0
    while [ ! -e "cut/checkpoints/$method-1/learner-1" ] && kill -0 $pid 2>/dev/null && [ $tries -lt 6000 ]; do
        sleep 0.01
        tries=$((tries + 1))
    done
    kill -9 $pid 2>/dev/null
    wait $pid 2>/dev/null
done
"$trainer" $tiny --methods lora,replay,inscl --budget 4 --out cut >cut.txt 2>cut.err || fail "the cut run did not go on: $(cat cut.err)"
grep -q "come from the checkpoint" cut.err || fail "the cut run began anew"
for method in lora replay inscl; do
    cmp -s "whole/matrix-$method.csv" "cut/matrix-$method.csv" || fail "$method: a cut run has other scores"
    cmp -s "whole/checkpoints/$method-1/learner-3" "cut/checkpoints/$method-1/learner-3" ||
        fail "$method: a cut run has other weights"
done
for name in report.json report.html; do
    [ -s "whole/$name" ] || fail "the small run left no $name"
done

# The threads do not change a bit of the result.
"$trainer" $tiny --methods lora --budget 4 --threads 1 --out one >one.txt 2>one.err || fail "one thread: $(cat one.err)"
cmp -s whole/matrix-lora.csv one/matrix-lora.csv || fail "one thread has other scores"
cmp -s whole/checkpoints/lora-1/learner-3 one/checkpoints/lora-1/learner-3 || fail "one thread has other weights"

# A gate undoes the stage that falls, and says so.
"$trainer" $tiny --methods lora --gate "task:choice>=2" --out gated >gated.txt 2>gated.err || fail "a gate: $(cat gated.err)"
grep -q "lora: choice is undone: task:choice is .* below the limit of 2" gated.err || fail "a gate said: $(cat gated.err)"
grep -q "lora, seed 1: choice was undone" gated.txt || fail "the table does not name what was undone: $(cat gated.txt)"

# A folder of another configuration is refused and left as it is.
before=$(cd whole && find . -type f -exec cksum {} + | sort)
"$trainer" $tiny --methods lora,replay,inscl --budget 5 --out whole >out 2>err
[ $? -eq 2 ] || fail "another configuration was not refused"
grep -qF "holds a run of another configuration: --budget was 4, now it is 5" err || fail "another configuration: $(cat err)"
[ "$before" = "$(cd whole && find . -type f -exec cksum {} + | sort)" ] || fail "a refused run changed the folder"

finish
