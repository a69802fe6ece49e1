#!/bin/sh
# similarity as a user meets it: embeddings and texts in, table, JSON and page out, the cache, and what it refuses
# (exit 2, a sentence, nothing written). Usage: sh similarity.sh PATH_TO_SIMILARITY
. "$(dirname "$0")/harness.sh"

# npy FILE ROWS COLUMNS OCTAL...: float64 of 1 (o), 0 (z), -1 (m), 1/2 (h), 1/4 (q), 3/4 (t), NaN (n)
npy() {
    file=$1 rows=$2 columns=$3
    shift 3
    header=$(printf "{'descr': '<f8', 'fortran_order': False, 'shape': (%d, %d), }" "$rows" "$columns")
    printf '\223NUMPY\001\000\166\000%-117s\n' "$header" >"$file"
    for x in "$@"; do
        case $x in
            z) printf '\0\0\0\0\0\0\0\0' ;;
            o) printf '\0\0\0\0\0\0\360\077' ;;
            m) printf '\0\0\0\0\0\0\360\277' ;;
            h) printf '\0\0\0\0\0\0\340\077' ;;
            q) printf '\0\0\0\0\0\0\320\077' ;;
            t) printf '\0\0\0\0\0\0\350\077' ;;
            n) printf '\0\0\0\0\0\0\370\177' ;;
        esac >>"$file"
    done
}

# Known values: three directions against two under cosine cost, 2/3 with equal weights, .3232233047 with others.
npy a.npy 3 2 o z z o o o
npy b.npy 2 2 o z m z
npy a.w.npy 1 3 h q q
npy b.w.npy 1 2 t q
gives '"names":["a","b"],"value":[[0.0,0.6666666666' --solver exact --format json a.npy b.npy
gives '"status":[["exact","exact"],["exact","exact"]],"seconds":' --solver exact --format json a.npy b.npy
gives '[0.0,0.32322330470' --solver exact --format json a.npy b.npy --weights a.w.npy b.w.npy
gives '"cost":"euclidean","relative_gap":0.01' --cost euclidean --format json a.npy b.npy
gives '[0.0,1.66666666666' --cost sqeuclidean --relative-gap 0 --format json a.npy b.npy
gives 'W(cosine)121a.0.66672b0.6667.1pair,' a.npy b.npy
gives '.0.6' --merge-within 0.3 a.npy b.npy
for engine in plain simd eigen; do
    gives '.0.66' --solver sinkhorn --engine $engine --relative-gap 0.02 a.npy b.npy
done

# Texts in every layout; equal texts are one point, equal tasks are at distance zero.
mkdir -p trace/x trace/y superni/g/ superni/h lines
for t in x y; do
    printf '%s\n' '[{"prompt": "Judge the stance.\nOne.", "answer": "A"}, {"prompt": "Judge the stance.\nTwo.", "answer": "B"}]' >trace/$t/train.json
    cp trace/$t/train.json trace/$t/test.json
done
for g in g h; do
    echo '{"id": "1", "task": "t", "category": "c", "instruction": "Translate '$g'.", "input": "i", "output": "o"}' >superni/$g/train.jsonl
    cp superni/$g/train.jsonl superni/$g/test.jsonl
done
printf 'Add the numbers.\nAdd the numbers.\n\nSolve for x.\n' >lines/sums.txt
echo '{"prompt": "Good film?", "answer": "yes", "instruction": "Judge the film."}' >lines/films.jsonl
gives '"names":["x","y"],"value":[[0.0,0.0],[0.0,0.0]]' --text trace --format json
gives '"rows":[2,2],"points":[1,1]' --text trace --format json
gives '"rows":[2,2],"points":[2,2]' --text trace --field prompt --format json
gives '"names":["g","h"]' --text superni --format json
gives '"names":["films","sums"]' --text lines --format json
gives '"rows":[1,3],"points":[1,2]' --text lines --format json
gives '"names":["sums","films"]' --text lines/sums.txt --text lines/films.jsonl --format json --dimensions 64
gives '"names":["train","g","h"]' --text trace/x/train.json --text superni --field answer --format json

# Points saved are points read; a .safetensors holds a task per tensor.
"$program" --text lines --save points --format json | grep -v 'seconds\|rows' | tr -d ' \n' | cut -c-300 >one
"$program" points/films.npy points/sums.npy --weights points/films.w.npy points/sums.w.npy --format json |
    grep -v 'seconds\|rows' | tr -d ' \n' | cut -c-300 >two
cmp -s one two || fail "--save does not keep the points: $(cat one two)"
header='{"x":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},"y":{"dtype":"F32","shape":[1,2],"data_offsets":[8,16]}}'
{
    printf "$(printf '\\%03o' ${#header})\\0\\0\\0\\0\\0\\0\\0"
    printf '%s' "$header"
    printf '\0\0\200\077\0\0\0\0\0\0\0\0\0\0\200\077'
} >two.safetensors
gives '"names":["x","y"],"value":[[0.0,1.0],[1.0,0.0]]' two.safetensors --format json

# The page is whole, and fetches nothing.
"$program" --text lines --text superni --format html --out page.html || fail "html: $?"
grep -q '</html>' page.html && grep -q 'Map of the tasks' page.html || fail "the page is not whole"
grep -qE 'src=|href=|url\(http|<script' page.html && fail "the page fetches something"
[ "$(ls | grep -c partial)" -eq 0 ] || fail "a partial file was left"

# The cache: a second run measures nothing, in another order neither, to the same bits; a torn line costs that line.
set -- --text lines --text superni --format json
"$program" "$@" --cache kept-distances | sed 's/"seconds.*//' >one
gives '"from_cache":6' "$@" --cache kept-distances
gives '"from_cache":6' --text superni --text lines --format json --cache kept-distances
"$program" "$@" --cache kept-distances | grep -v 'from_cache\|seconds' >two
"$program" "$@" --cache other | grep -v 'from_cache\|seconds' >three
cmp -s two three || fail "the cache changed the answer"
head -c 700 kept-distances/distances >cut && mv cut kept-distances/distances
gives '"from_cache":5' "$@" --cache kept-distances
gives '"from_cache":6' "$@" --cache kept-distances
gives '"from_cache":0' "$@" --cache kept-distances --cost euclidean
gives '"from_cache":0' "$@" --cache kept-distances --relative-gap 0.02

# Ctrl-C: the run ends with 130 and a sentence, and what it had measured is in the cache.
mkdir long
for t in 1 2 3 4 5 6 7 8; do
    awk -v t=$t 'BEGIN { for (i = 0; i < 1500; ++i) print "Task", t, "asks", (i * 7919 + t * 31) % 997, "times", i % 13, "and", i }' >long/$t.txt
done
"$program" --text long --cache interrupted >out 2>err &
run=$!
for wait in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    [ -s interrupted/distances ] && break
    sleep 0.3
done
kill -INT $run 2>/dev/null
wait $run
code=$?
if [ $code -ne 0 ]; then  # else the machine was done before it could be stopped
    [ $code -eq 130 ] || fail "Ctrl-C ended with $code"
    grep -qF "the cache keeps what was measured" err || fail "Ctrl-C said: $(cat err)"
    [ -s out ] && fail "Ctrl-C wrote a table"
fi
kept=$(wc -l <interrupted/distances)
[ "$kept" -gt 0 ] || fail "Ctrl-C lost the cache"
"$program" --text long --cache interrupted >out || fail "after Ctrl-C: $?"
grep -qF ", $kept from the cache" out || fail "after Ctrl-C, of $kept: $(tail -n 1 out)"

refuses "tasks are needed"
refuses "a distance needs two tasks, got 1" a.npy
refuses "not both" a.npy b.npy --text lines
refuses "task 'films' is named twice" --text lines --text lines
refuses "there is no such file" a.npy nowhere.npy
refuses "must be a folder, or a file" --text nowhere.csv --text lines
refuses "there is no such file" --text nowhere.txt --text lines
echo x >c.npy
refuses "c.npy: is no .npy file" a.npy c.npy
npy d.npy 2 3 o z z z o z
refuses "all embeddings have one dimension, a has 2 and d has 3" a.npy d.npy
npy e.npy 2 2 o n z o
refuses "e.npy: transport::measure: points must be finite, row 0 has nan" a.npy e.npy
npy f.npy 2 2 o z z z
refuses "a zero vector has no direction, point 1 is zero" a.npy f.npy
npy g.npy 0 2
refuses "a measure needs points" a.npy g.npy
refuses "--weights takes a file for each task, got 1 for 2" a.npy b.npy --weights a.w.npy
refuses "one weight for each row, got 2 weights for 3 rows" a.npy b.npy --weights b.w.npy a.w.npy
npy w.npy 1 3 h h h
refuses "weights must sum to 1, they sum to 1.5" a.npy b.npy --weights w.npy b.w.npy
refuses "must be finite and not negative, it is -1" a.npy b.npy --relative-gap -1
refuses "--solver exact leaves no gap" a.npy b.npy --solver exact --relative-gap 0.1
refuses "Sinkhorn is never exact" a.npy b.npy --solver sinkhorn --relative-gap 0
refuses "--merge-within must be finite and not negative, it is -1" a.npy b.npy --merge-within -1
refuses "exclude each other" a.npy b.npy --merge-within 0.1 --solver sinkhorn --engine plain
refuses "needs --solver sinkhorn" a.npy b.npy --engine plain
refuses "magic" a.npy b.npy --solver magic
refuses "manhattan" a.npy b.npy --cost manhattan
refuses "--dimensions must be above 0" --text lines --dimensions 0
refuses "cannot be made a folder" a.npy b.npy --cache a.npy/folder
refuses "cannot be made a folder" a.npy b.npy --save a.npy/folder
echo x >c.safetensors
refuses "is no safetensors file" a.npy c.safetensors
mkdir empty
refuses "holds no task" --text empty
echo '{"answer": "x"}' >bad.jsonl
refuses 'bad.jsonl:1: record 1: has neither "prompt" nor "instruction"' --text bad.jsonl --text lines
"$program" a.npy b.npy --out no/such/folder/file >out 2>err
[ $? -eq 2 ] && grep -qF "cannot be written" err || fail "an unwritable --out: $(cat err)"

finish
