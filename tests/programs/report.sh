#!/bin/sh
# report as a user meets it: every input, every format, values against published and hand-computed ones, the gate's exit
# codes, and what it refuses (exit 2, a sentence, nothing written). Usage: sh report.sh PATH_TO_REPORT
. "$(dirname "$0")/harness.sh"

# gates CODE SENTENCE ARGUMENTS...: exit code, and the sentence on standard error (none if it is empty)
gates() {
    want=$1
    sentence=$2
    shift 2
    "$program" "$@" >out 2>err
    code=$?
    [ $code -eq "$want" ] || fail "$* ended with $code, not $want: $(cat err)"
    if [ -z "$sentence" ]; then
        [ -s err ] && fail "$* said: $(cat err)"
    else
        grep -qF -- "$sentence" err || fail "$* said: $(cat err)"
    fi
    [ -s out ] || fail "$* gave no report"
    return 0
}

# TRACE, table 7 of its appendix (SeqFT Baichuan2-7B): published OP 0.434, BWT -0.154.
cat >t7.csv <<'END'
stage,C-STANCE,FOMC,MeetingBank,Py150,ScienceQA,NumGLUE-cm,NumGLUE-ds,20Minuten
1,0.62,,,,,,,
2,0.629,0.681,,,,,,
3,0.663,0.353,0.442,,,,,
4,0.621,0.318,0.351,0.626,,,,
5,0.531,0.02,0.371,0.562,0.77,,,
6,0.55,0.363,0.379,0.586,0.68,0.358,,
7,0.588,0.347,0.389,0.589,0.5,0.247,0.64,
8,0.579,0.335,0.364,0.58,0.44,0.284,0.475,0.415
END
gives '"overall_performance":{"value":0.434,"variant":' t7.csv --format json
gives '"backward_transfer":{"value":-0.15428571428571' t7.csv --format json
gives '"backward_transfer_over_T":{"value":-0.1350000000000000' t7.csv --format json
gives '"forgetting":{"value":0.1604285714285714' t7.csv --format json
gives '"average_incremental":{"value":0.5102785714285' t7.csv --format json
gives '"learning_accuracy":{"value":0.569' t7.csv --format json
gives '"lower_triangle_mean":{"value":0.479055555555555' t7.csv --format json
gives '"stage":8,"tasks":7},"backward_transfer_over_T"' t7.csv --format json
gives '"intransigence":"metrics::intransigence:needsareferencescoreofeachof8tasks,got0"' t7.csv --format json
gives '"intervals":"onerunhasnospread,andthenumberoftestitemsisnotknown(--sizes)"' t7.csv --format json
gives 'BWTasprinted-0.1350' t7.csv --peer trace
gives 'StreamForgetting0.1543' t7.csv --peer avalanche

# By hand: OP = 1.3/3; its variance (0.25 + 0.2275 + 0.2475)/500/9, 1.959964 times its root 0.024878.
cat >a.csv <<'END'
stage,C-STANCE,FOMC,MeetingBank
base,0.40,0.30,0.20
C-STANCE,0.60,0.35,0.25
FOMC,0.55,0.70,0.30
MeetingBank,0.50,0.35,0.45
END
gives 'overall_performance0.4333[0.4085,0.4582]meanofthelastrow' a.csv --sizes 500
gives 'backward_transfer-0.2250meanoverT-1earliertasks' a.csv
gives 'forward_transfer_zero_shot0.0750mean' a.csv
gives 'forward_transfer_no_baseline0.3250mean' a.csv
gives '"backward_transfer":[null,-0.049999999999999' a.csv --format json
gives '"names":["C-STANCE","FOMC","MeetingBank"],"overall_performance":[0.6,0.625,' a.csv --format json
printf 'stage,MeetingBank,FOMC,C-STANCE\nrandom,0.1,0.2,0.3\n' >row.csv
gives '"forward_transfer":{"value":0.175' a.csv --baseline row.csv --format json
printf 'stage,C-STANCE,FOMC,MeetingBank\nbase,0.8,0.7,0.5\n' >single.csv
gives '"relative_gain":{"value":56.25' a.csv --single-task single.csv --format json
gives 'a,overall_performance,0.43333333333333335,,,meanofthelastrow,3,3' a.csv --format csv

# Per cent in, per cent out; never rescaled.
printf 'stage,A,B\n1,60,\n2,50,70\n' >cent.csv
gives '"overall_performance":{"value":60.0' cent.csv --format json
gives 'overall_performance60.00[' cent.csv --sizes A=100,B=100
# Both in one table: each column in its own unit, and what is assumed of the low one is said.
printf 'stage,A,B\n1,50,.3\n2,40,.7\n' >mixed.csv
"$program" mixed.csv --format json >out 2>err || fail "mixed.csv ended with $?"
tr -d ' \n' <out | grep -qF '"overall_performance":{"value":0.55' || fail "mixed units gave: $(head -c 500 out)"
grep -qF "report: mixed.csv: the scores of B are taken as 0..1, those of the other tasks as per cent; --scale TASK=100" err ||
    fail "mixed units said: $(cat err)"
gives '"overall_performance":{"value":0.55' mixed.csv --scale A=100 --scale B=1 --format json
gives '"overall_performance":{"value":20.35' mixed.csv --scale 100 --format json
# Rows beside the table come in their own unit, too: 30 - 50 per cent.
printf 'stage,A,B\n1,50,30\n2,40,70\n' >cents.csv
printf 'stage,A,B\n1,.5,.3\n2,.4,.7\n' >shares.csv
printf 'stage,A,B\nbase,25,50\n' >row100.csv
printf 'stage,A,B\nbase,.25,.5\n' >row1.csv
for row in row1 row100; do
    gives '"forward_transfer":{"value":-20.0,' cents.csv --baseline $row.csv --format json
    gives '"relative_gain":{"value":160.0,' cents.csv --single-task $row.csv --format json
    gives '"forward_transfer":{"value":-0.2,' shares.csv --baseline $row.csv --format json
    gives '"relative_gain":{"value":160.0,' shares.csv --single-task $row.csv --format json
    gives '"forward_transfer_zero_shot":{"value":-20.0,' cents.csv --before $row.csv --format json
done

# A table with holes says which, or leaves them out when told to.
printf 'stage,A,B,C\n1,0.6,,\n2,,0.7,\n3,0.5,,0.8\n' >holes.csv
gives '"overall_performance":"metrics::overall_performance:needsthescoreoftask1(B)afterstage2' holes.csv --format json
gives '"overall_performance":{"value":0.65,"variant":"meanofthelastrow,2of3evaluated"' holes.csv --format json --skip-missing

# TRACE's folder: round 10 follows 9; the answers say how many test items there are.
mkdir trace
for r in 0 1; do
    echo '{"eval": {"accuracy": 0.'$((6 - r))'}, "results": ["a", "b", "c", "d"], "labels": ["a"]}' >trace/results-$r-0-FOMC.json
    echo '{"eval": {"similarity": '$((40 + r))'}}' >trace/results-$r-1-Py150.json
done
gives '"tasks":["FOMC","Py150"]' trace --format json
gives '"backward_transfer":{"value":-0.0999999999999999' trace --format json
gives 'overall_performance0.4550' trace
gates 0 "" trace --gate "task:FOMC>=0.5"

# lm-evaluation-harness: files in the order of training, suites among their tasks, the model before.
mkdir lm
printf '{"results": {"mmlu": {"acc,none": 0.45, "acc_stderr,none": 0.005}, "fomc": {"acc,none": 0.3, "acc_stderr,none": 0.02}, "num": {"exact_match,none": 0.3}}}' >lm/base.json
printf '{"results": {"mmlu": {"acc,none": 0.44, "acc_stderr,none": 0.005}, "fomc": {"acc,none": 0.6, "acc_stderr,none": 0.02}, "num": {"exact_match,none": 0.3}}}' >lm/one.json
printf '{"results": {"mmlu": {"acc,none": 0.43, "acc_stderr,none": 0.005}, "fomc": {"acc,none": 0.4, "acc_stderr,none": 0.02}, "num": {"exact_match,none": 0.6}}}' >lm/two.json
gives '"tasks":["fomc","num"],"metrics":{"overall_performance":{"value":0.5' lm/one.json lm/two.json --suite general=mmlu --format json
gives '"backward_transfer":{"value":-0.1999999999999999' lm/one.json lm/two.json --suite general=mmlu --format json
gives '"general_ability_delta":{"value":-0.02000000000000001' lm/one.json lm/two.json --suite general=mmlu --before lm/base.json --format json
gives '"forward_transfer_zero_shot":{"value":0.0' lm/one.json lm/two.json --suite general=mmlu --before lm/base.json --format json
gives '"tasks":["num","fomc"]' lm/one.json lm/two.json --suite general=mmlu --tasks num,fomc --format json
gives '"methods":{"x":{' x=lm/one.json,lm/two.json y=lm/two.json,lm/one.json --format json
gives 'general_ability_delta-0.0200[-0.0339,-0.0061]' --before lm/base.json --after lm/two.json --suite general=mmlu
gates 0 "" --before lm/base.json --after lm/two.json --suite general=mmlu --gate "general>=-0.02"
printf '{"acc": 1}\n{"acc": 0}\n' >lm/samples_fomc.jsonl
gives 'overall_performance0.5000[-0.4800,1.4800]' lm/samples_fomc.jsonl

# The gate.
gates 3 "report: gate: forgetting is 0.2250, 0.2050 above the limit of 0.02; whether that is chance is not known" a.csv --gate "forgetting<=0.02"
gates 3 "0.2050 above the limit of 0.02; its 95 % interval [0.1828, 0.2672] excludes chance" a.csv --sizes 500 --gate "forgetting<=0.02, task:FOMC >= 0.3" --gate-confidence 0.95
[ "$(wc -l <err)" -eq 1 ] || fail "the gate named more than what fell: $(cat err)"
gates 0 "" a.csv --sizes 10 --gate "forgetting<=0.02" --gate-confidence 0.99
grep -qF "reaches the limit: it can be chance, and is let pass" out || fail "what is let pass is not said: $(cat out)"
gates 3 "reaches the limit: it can be chance" a.csv --sizes 10 --gate "forgetting<=0.02" --confidence 0.99
gates 3 "report: gate: task:FOMC is 0.3500, 0.3500 below the limit of 0.7; its 95 % interval [0.3095, 0.3928] excludes chance" a.csv --sizes 500 --gate "task:FOMC>=0.70"
gates 3 "backward_transfer is -0.2250, 0.1250 below the limit of -0.1" a.csv --gate "BWT>=-0.1" --format json
tr -d ' \n' <out | grep -qF '"gate":[{"condition":"BWT>=-0.1","value":-0.2249999999999999' || fail "no gate in JSON: $(tail -n 12 out)"
gates 0 "" a.csv --gate "task:FOMC>=0.35, forgetting<=0.225, OP>0.4"
gates 3 "the limit itself, which task:FOMC>0.35 leaves out" a.csv --gate "task:FOMC>0.35"
gates 3 "a: forgetting is" a.csv b=a.csv --gate "forgetting<=0.02"

# Methods compared: pairs of tasks; by hand the differences of the last row are 0.08, 0.30 and 0.02.
cat >b.csv <<'END'
stage,C-STANCE,FOMC,MeetingBank
C-STANCE,0.61,,
FOMC,0.60,0.72,
MeetingBank,0.58,0.65,0.47
END
gives '{"metric":"overall_performance","a":"b","b":"a","value":0.1333333333333333' b.csv a.csv --format json
gives '"interval":"tovertasks"' b.csv a.csv --format json
gives '"verdict":"cannotreach0.05:thesmallestpthat3pairscangiveis0.25"' b.csv a.csv --format json
gives '"ranks":{"mean":{"b":1.0,"a":2.0}' b.csv a.csv --format json
gives 'b-aoverall_performance0.1333[-0.2329,0.4996]0.25000.2500tovertasks' b.csv a.csv
"$program" b.csv a.csv --format latex >out 2>err || fail "latex: $(cat err)"
grep -qF 'b & \textbf{0.567} & \textbf{$-$0.050} &' out || fail "latex gave: $(cat out)"
grep -qF 'b $-$ a & OP & 0.133 & [$-$0.233, 0.500] & 0.250 \\' out || fail "latex differences: $(cat out)"
cp a.csv 'a_b&c.csv'
"$program" 'a_b&c.csv' --format latex >out || fail "latex of an odd name"
grep -qF 'a\_b\&c & 0.433' out || fail "latex does not escape: $(cat out)"
mkdir p q && cp a.csv p/s.csv && cp b.csv q/s.csv
gives '"methods":{"p/s":{' p/s.csv q/s.csv --format json

# report.json: seeds are pairs. By hand: OP 0.5, 0.6 and 0.4, 0.45; differences 0.1, 0.15: 0.125 ± 12.7062 · 0.025.
run_json() { # SEED LAST
    printf '{"seed": %s, "policy": "p", "before": [0.1, null], "after": [[0.7, null], [%s, %s]], "suites": [], "stages": [' "$1" "$2" "$2"
    stage='{"task": "A", "trained": 1, "replayed": 0, "general": 0, "plan": {"examples": [], "quotas": [], "unplaced": 0, "distance": [], "mix": "interleaved", "general_data": false}, "seconds": {"plan": 0, "train": 0, "evaluate": 0}}'
    printf '%s, %s], "used": [], "config": {}, "before_seconds": 0}' "$stage" "$stage"
}
{
    printf '{"tasks": ["A", "B"], "methods": {"kept": {"runs": ['
    run_json 1 0.5 && printf ', ' && run_json 2 0.6
    printf ']}, "lost": {"runs": ['
    run_json 1 0.4 && printf ', ' && run_json 2 0.45
    printf ']}}, "task_info": [{"name": "A", "scorer": "s", "scale": 1, "train": 1, "questions": 10}, {"name": "B", "scorer": "s", "scale": 1, "train": 1, "questions": 10}]}'
} >report.json
gives '"metric":"overall_performance","a":"kept","b":"lost","value":0.12' report.json --format json
gives 'kept-lostoverall_performance0.1250[-0.1927,0.4427]0.50000.5000toverruns' report.json
gives '"variant":"meanofthelastrow,meanof2runs"' report.json --format json
gives 'backward_transfer-0.1500±0.6353' report.json

# The page: whole, nothing fetched, names escaped; into a file as to standard output.
sed 's/FOMC/<b>FOMC/' a.csv >odd.csv
"$program" odd.csv b.csv --format html --out page.html 2>err >out && fail "other tasks were compared"
sed 's/FOMC/<b>FOMC/' b.csv >odd2.csv
"$program" odd.csv odd2.csv third=odd2.csv --sizes 100 --peer trace --gate "OP>=0.1" --format html --out page.html >out 2>err || fail "html: $(cat err)"
[ -s out ] && fail "--out also wrote to standard output"
tail -n 1 page.html | grep -qF '</html>' || fail "the page has no end"
for part in 'id="every-metric"' 'id="differences"' 'Critical difference diagram' 'id="peer"' 'id="gate"' '&lt;b&gt;FOMC'; do
    grep -qF "$part" page.html || fail "the page lacks $part"
done
grep -qF '<b>FOMC' page.html && fail "the page does not escape names"
grep -qE '(src|href)=|@import|url\(' page.html && fail "the page fetches something"
"$program" b.csv a.csv --format svg >out 2>err && head -n 1 out | grep -q '^<svg ' || fail "svg: $(cat err)"
grep -qF '>b 1.00<' out || fail "the diagram lacks a rank: $(cat out)"
"$program" --before lm/base.json --after lm/two.json --format html >page.html 2>err || fail "a page of suites alone: $(cat err)"
"$program" a.csv --format json >one && "$program" a.csv --format json --out two && cmp -s one two || fail "--out differs"

# Refused.
refuses "SCORES are needed, or --before and --after"
refuses "nowhere.csv: there is no such file or folder" nowhere.csv
mkfifo pipe
refuses "pipe: is a pipe or a device, which cannot be read twice" pipe
refuses "--format" a.csv --format pdf
refuses "The following argument was not expected: --magic" a.csv --magic
printf 'stage,A\n1,high\n' >bad.csv
refuses 'bad.csv:2: task "A": "high" is not a finite number' bad.csv
printf 'stage,A\nbase,0.5\n' >bad.csv
refuses 'bad.csv: holds no stage' bad.csv
printf 'stage,A\n1,0.5\n2,0.5\n' >bad.csv
refuses 'bad.csv: has 2 stages for 1 tasks' bad.csv
printf '{"results": \n' >bad.json
refuses 'bad.json:2: broken JSON' bad.json
printf '{"a": 1}\n' >bad.json
refuses 'bad.json: is JSON, but neither a report.json' bad.json
printf '{"methods": 1}\n' >bad.json
refuses 'bad.json: is no report of holdfast' bad.json
mkdir empty
refuses 'empty: holds no results*.json' empty
refuses 'the diagram of ranks needs at least 2 methods' a.csv --format svg
refuses 'there is no "magic"; there are aimmerging, avalanche' a.csv --peer magic
refuses 'needs a baseline score of each of 3 tasks, got 0' a.csv --peer gem
refuses 'row.csv: has no score of task "Py150"' t7.csv --baseline row.csv
refuses 'a.csv: must hold one row of scores, it holds 4' a.csv --baseline a.csv
refuses 'must hold one row of scores' a.csv --single-task t7.csv
refuses 'a.csv: has no task "chess", which --tasks names' a.csv --tasks chess
refuses '--suite: "chess" is no file and no test set' a.csv --suite general=chess
refuses 'general, instruction or safety, not "speed"' a.csv --suite speed=FOMC
refuses '--after needs --before' a.csv --after lm/two.json
refuses '--before and --after belong to one method, there are 2' a.csv b.csv --before lm/base.json --after lm/two.json
printf '{"results": {"mmlu": {"acc,none": 0.45}}}' >lm/few.json
refuses 'lm/few.json: has no score of "fomc", which lm/base.json has' --before lm/base.json --after lm/few.json
refuses "those of 'cent.csv' are not those of 'a.csv'" a.csv cent.csv
refuses 'a condition reads NAME<=NUMBER or NAME>=NUMBER, this one is "forgetting=1"' a.csv --gate "forgetting=1"
refuses '"much" in "forgetting<=much" is no number' a.csv --gate "forgetting<=much"
refuses 'there is no metric "speed"' a.csv --gate "speed>=1"
refuses 'there is no task "chess" in a.csv' a.csv --gate "task:chess>=1"
refuses 'general_ability_delta cannot be judged: metrics::general_ability_delta: needs a suite' a.csv --gate "general>=-0.01"
refuses '--gate-confidence needs --gate' a.csv --gate-confidence 0.9
refuses 'a confidence lies between 0 and 1 (0.95, not 95), got 95' a.csv --confidence 95
refuses '--sizes: "many" is no number above 0' a.csv --sizes many
refuses '--sizes: "FOMC=2.5" is no whole number' a.csv --sizes FOMC=2.5
refuses '--metric reads TASK=NAME' lm/one.json --metric acc
refuses 'task "num" has no metric "acc"; it has exact_match,none' lm/one.json --metric num=acc
refuses 'several files make one method only where each is an evaluation' x=a.csv,b.csv
"$program" a.csv --out no/such/folder/file >out 2>err
[ $? -eq 2 ] && grep -qF "cannot be written" err || fail "an unwritable --out: $(cat err)"

finish
