#!/bin/sh
# plan_replay as a user meets it: the plan, the records, the reasons, and what it refuses (exit 2, a sentence, nothing
# written). Usage: sh plan_replay.sh PATH_TO_PLAN_REPLAY
. "$(dirname "$0")/harness.sh"

mkdir data
for i in 1 2 3 4 5 6; do
    echo '{"prompt": "Add '$i' and 2.", "answer": "'$((i + 2))'", "instruction": "Add the numbers."}' >>data/a_sums.jsonl
    echo '{"id": "r'$i'", "prompt": "Good film '$i'", "answer": "yes", "instruction": "Judge the movie review."}' >>data/b_films.jsonl
    echo '{"prompt": "Book '$i'", "answer": "no", "instruction": "Judge the book review."}' >>data/c_books.jsonl
done

gives '"quotas":{"a_sums":2,"b_films":2},"unplaced":0' --data data --current c_books --budget 4 --policy random
gives '"quotas":{"a_sums":6,"b_films":6},"unplaced":8' --data data --current c_books --budget 20
gives '"budget":6,' --data data --current c_books --ratio 0.5
gives '"a_sums":["a_sums/train/1","a_sums/train/2","a_sums/train/3"],"b_films":["r1","r2","r3"]' \
    --data data --current c_books --ratio 0.5 --policy head
gives '"quotas":{"b_films":3,"a_sums":3}' --data data --current c_books --tasks b_films,a_sums --budget 6 --policy random
gives '"examples":{"a_sums":[],"b_films":[]}' --data data --current c_books --policy none
gives '"mode":"as_released","apportion":"asreleased"' --data data --current c_books --budget 4 --mode as_released
gives '"apportion":"sainte-lague"' --data data --current c_books --budget 4 --apportion sainte-lague
gives 'isreplayed:' --data data --current b_films --budget 6 --explain a_sums/train/4
gives 'isnotreplayed' --data data --current b_films --policy none --explain a_sums/train/4
"$program" --data data --all --budget 4 >out 2>err || fail "--all: $(cat err)"
[ "$(grep -c '"current"' out)" -eq 2 ] || fail "--all does not give two plans"

# The same seed, the same bytes; into a file as to standard output; another seed, another draw.
"$program" --data data --current c_books --budget 6 --seed 5 >one
"$program" --data data --current c_books --budget 6 --seed 5 --out two || fail "--out"
cmp -s one two || fail "the same seed gave two plans"
"$program" --data data --current c_books --budget 6 --seed 6 >three
cmp -s one three && fail "another seed gave the same plan"
"$program" --data data --current c_books --budget 6 --seed 5 --format jsonl >lines
[ "$(wc -l <lines)" -eq 6 ] || fail "jsonl gave $(wc -l <lines) records"
grep -qF '"prompt":' lines || fail "jsonl without prompts"

# Tags and embeddings of the user's own.
echo '{"Add the numbers.": ["x"], "Judge the movie review.": ["y"], "Judge the book review.": ["z"]}' >tags.json
gives '"tags":"tags.json"' --data data --current c_books --budget 4 --tags tags.json
echo '{"Add the numbers.": ["x"]}' >few.json
refuses "there are none for 'Judge the movie review.'" --data data --current c_books --budget 4 --tags few.json
echo '{"Add the numbers.": "x"}' >wrong.json
refuses 'the tags of "Add the numbers." must be a list of texts' --data data --current c_books --budget 4 --tags wrong.json
echo '[' >broken.json
refuses "broken.json:" --data data --current c_books --budget 4 --tags broken.json
refuses "there is no such file" --data data --current c_books --budget 4 --embeddings nowhere

# Every policy plans; scores come as .npy files, one number per record.
npy() { # npy FILE NUMBERS...: a little-endian float64 array, written by printf alone
    file=$1
    shift
    head="{'descr': '<f8', 'fortran_order': False, 'shape': ($#,), }"
    printf '\223NUMPY\001\000\166\000%-117s\n' "$head" >"$file"
    for value in "$@"; do
        case $value in
        0) printf '\000\000\000\000\000\000\000\000' ;;
        1) printf '\000\000\000\000\000\000\360\077' ;;
        2) printf '\000\000\000\000\000\000\000\100' ;;
        nan) printf '\000\000\000\000\000\000\370\177' ;;
        esac >>"$file"
    done
}
mkdir now after
npy now/a_sums.npy 0 1 0 0 2 0
npy now/b_films.npy 1 0 0 0 0 0
npy after/a_sums.npy 2 1 0 0 2 1
npy after/b_films.npy 1 0 0 2 0 0
gives '"a_sums":["a_sums/train/5","a_sums/train/2"],"b_films":["r1","r2"]' \
    --data data --current c_books --budget 4 --policy surprise --scores now
gives '"a_sums":["a_sums/train/5"],"b_films":["r1"]' \
    --data data --current c_books --budget 2 --policy surprise --scores now --ageing 0.5
gives '"a_sums":["a_sums/train/1"],"b_films":["r4"]' \
    --data data --current c_books --budget 2 --policy mir --scores now --scores-after after
gives '"quotas":{"a_sums":2,"b_films":2}' --data data --current c_books --budget 4 --policy prioritised --scores now
gives '"quotas":{"a_sums":2,"b_films":2}' --data data --current c_books --budget 4 --policy herding
gives '"quotas":{"a_sums":6,"b_films":1}' --data data --current c_books --budget 7 --policy gdumb
gives '"quotas":{"a_sums":4,"b_films":0},"unplaced":0' --data data --current c_books --budget 4 --policy forgetting
refuses "--scores DIR is needed" --data data --current c_books --budget 4 --policy surprise
refuses "--scores-after DIR is needed" --data data --current c_books --budget 4 --policy mir --scores now
refuses "--ageing is for --policy surprise" --data data --current c_books --budget 4 --ageing 1
npy after/b_films.npy 1 0 0
refuses "must have a row per training record, it has 3 for 6" --data data --current c_books --budget 4 --policy mir \
    --scores now --scores-after after
npy after/b_films.npy 1 0 0 nan 0 0
refuses "holds a number that is not finite" --data data --current c_books --budget 4 --policy mir --scores now \
    --scores-after after

refuses "--data is required" --current c_books --budget 4
refuses "--current NAME or --all is needed" --data data --budget 4
refuses "--budget N or --ratio R is needed" --data data --current c_books
refuses "--budget must be at least 1, it is 0" --data data --current c_books --budget 0
refuses "--ratio is above 0 and at most 1, it is 2" --data data --current c_books --ratio 2
refuses "--budget excludes --ratio" --data data --current c_books --budget 3 --ratio 0.5
refuses "there is nothing to replay: 'a_sums' is the first task" --data data --current a_sums --budget 3
refuses "there is no task 'chess'" --data data --current chess --budget 3
refuses "chess" --data data --current c_books --tasks chess --budget 3
refuses "is named twice" --data data --current c_books --tasks a_sums,a_sums --budget 3
refuses "as_released brings its own rule" --data data --current c_books --budget 3 --mode as_released --apportion dhondt
refuses "no earlier task has an example 'nobody'" --data data --current c_books --budget 3 --explain nobody
refuses "magic" --data data --current c_books --budget 3 --policy magic
refuses "there is no such folder" --data nowhere --current c_books --budget 3
refuses "there is no such folder" --data nowhere --layout jsonl --current c_books --budget 3
mkdir twice broken
printf '{"id": "x", "prompt": "a", "answer": "b"}\n{"id": "x", "prompt": "a", "answer": "b"}\n' >twice/t.jsonl
cp data/a_sums.jsonl twice/u.jsonl
refuses "identifiers must differ, task 't' has two 'x'" --data twice --current u --budget 3
printf '{"prompt": "a", "answer": "b"}\n{"prompt": }\n' >broken/t.jsonl
refuses "t.jsonl:2" --data broken --current t --budget 3
printf '{"prompt": "a"}\n' >broken/t.jsonl
refuses 'has no field "answer"' --data broken --current t --budget 3
"$program" --data data --current c_books --budget 4 --out no/such/folder/file >out 2>err
[ $? -eq 2 ] && grep -qF "cannot be written" err || fail "an unwritable --out: $(cat err)"

finish
