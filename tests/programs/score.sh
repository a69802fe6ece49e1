#!/bin/sh
# score as a user meets it: values against hand-computed ones, the list, and what it refuses (exit 2, a sentence, nothing
# on standard output). Usage: sh score.sh PATH_TO_SCORE
. "$(dirname "$0")/harness.sh"
out_option= # it writes no file

# gives TEXT ARGUMENTS...: exit 0, the text in the output, nothing on standard error
gives() {
    text=$1
    shift
    "$program" "$@" >out 2>err || fail "$* ended with $?: $(cat err)"
    grep -qF -- "$text" out || fail "$* gave: $(head -c 2000 out)"
    [ -s err ] && fail "$* said: $(cat err)"
    return 0
}

cat >p.jsonl <<'END'
{"prediction": "the cat", "references": ["the cat"]}
{"prediction": "a dog", "references": ["the dog", "a dog"]}

{"prediction": "", "references": "x", "source": "y"}
{"prediction": "Straße", "references": ["Strasse"]}
END
cat >expected <<'END'
scorer    exact_match
value     0.5000
interval  [0.1500, 0.8500] (95 %, Wilson)
items     4
lowest    0.0000
highest   1.0000
END
"$program" p.jsonl --scorer exact_match >out 2>err || fail "exact_match: $(cat err)"
cmp -s out expected || fail "exact_match gave: $(cat out)"
gives '{"scorer":"exact_match","value":0.5,"lower":0.15003' p.jsonl --scorer exact_match --format json
gives '"n":4,"confidence":0.95,"interval":"Wilson","per_item":[1.0,1.0,0.0,0.0]}' p.jsonl --scorer exact_match --format json
gives '(50 %, Wilson)' p.jsonl --scorer exact_match --confidence 0.5

# Graded scores: the difflib ratio of "abcd" and "bcde" is 0.75; of per cents the unit stays.
printf '{"prediction": "abcd", "references": ["bcde"]}\n{"prediction": "ab", "references": ["ab"]}\n' >g.jsonl
gives '"value":0.875' g.jsonl --scorer 'edit_similarity<difflib>' --format json
gives '"interval":"BCa bootstrap","per_item":[0.75,1.0]' g.jsonl --scorer 'edit_similarity<difflib>' --format json
gives 'value     87.50' g.jsonl --scorer 'fuzz_ratio<difflib>'
head -n 1 g.jsonl >one.jsonl
gives 'interval  none, one item has no spread' one.jsonl --scorer 'edit_similarity<difflib>'
"$program" g.jsonl --scorer trace::rouge_l --format json >one
"$program" g.jsonl --scorer trace::rouge_l --format json >two
cmp -s one two || fail "the same input gave two answers"

# A scorer that needs the source says so; the value is the published one of its project's example (78.29135).
printf '{"prediction": "About 95 species are now accepted.", "references": ["About 95 species are currently known.", "About 95 species are now accepted.", "95 species are now accepted."], "source": "About 95 species are currently accepted."}\n' >s.jsonl
gives 'value     78.29' s.jsonl --scorer hf::sari
refuses 'g.jsonl:1: record 1: has no field "source", which hf::sari needs' g.jsonl --scorer hf::sari

# What the origin reports of a corpus: BLEU of the counts added up (sacrebleu 2.6.0 gives 48.530827 for its README's
# example), beside the mean of the items.
cat >d.jsonl <<'END'
{"prediction": "The dog bit the man.", "references": ["The dog bit the man.", "The dog had bit the man."]}
{"prediction": "It wasn't surprising.", "references": ["It was not unexpected.", "No one was surprised."]}
{"prediction": "The man had just bitten him.", "references": ["The man bit him first.", "The man had bitten the dog."]}
END
gives '"value":48.5308270' d.jsonl --scorer sacrebleu::corpus_bleu --format json
gives 'value     48.53' d.jsonl --scorer sacrebleu::corpus_bleu
gives 'of counts 48.53 (pooled)' d.jsonl --scorer sacrebleu::sentence_bleu
gives '"pooled":43.9162349' d.jsonl --scorer 'sacrebleu::sentence_bleu (intl)' --format json
head -n 1 d.jsonl >one.jsonl
gives 'interval  none, one item has no spread' one.jsonl --scorer sacrebleu::corpus_bleu
refuses 'which easse::sari needs' d.jsonl --scorer easse::sari

gives 'trace::rouge_l' --list
gives '"reports": "pooled"' --list --format json
gives 'TRACE, pltrdy rouge 1.0.1' --list
gives '"scorer": "hf::sari"' --list --format json
[ "$("$program" --list | wc -l)" -ge 40 ] || fail "--list is short"
gives '--scorer' --help

refuses "PREDICTIONS, a file of JSON Lines, is needed" --scorer exact_match
refuses "--scorer NAME is needed" p.jsonl
refuses 'there is no scorer "magic"; there are exact_match,' p.jsonl --scorer magic
refuses "a confidence lies between 0 and 0.9998" p.jsonl --scorer exact_match --confidence 95
refuses "--format" p.jsonl --scorer exact_match --format xml
refuses "nowhere.jsonl: there is no such file" nowhere.jsonl --scorer exact_match
printf '{"prediction": "a", "references": ["a"]}\n{"prediction": }\n' >bad.jsonl
refuses "bad.jsonl:2: broken JSON" bad.jsonl --scorer exact_match
printf '{"references": ["a"]}\n' >bad.jsonl
refuses 'bad.jsonl:1: record 1: has no field "prediction"' bad.jsonl --scorer exact_match
printf '{"prediction": 5, "references": ["a"]}\n' >bad.jsonl
refuses 'field "prediction" must be text, it is number' bad.jsonl --scorer exact_match
printf '{"prediction": "a"}\n' >bad.jsonl
refuses 'has no field "references"' bad.jsonl --scorer exact_match
printf '{"prediction": "a", "references": []}\n' >bad.jsonl
refuses 'field "references" holds no text' bad.jsonl --scorer exact_match
printf '{"prediction": "a", "references": [1]}\n' >bad.jsonl
refuses 'field "references" must hold texts, one is number' bad.jsonl --scorer exact_match
printf '[1]\n' >bad.jsonl
refuses 'bad.jsonl:1: record 1: must be an object' bad.jsonl --scorer exact_match
: >bad.jsonl
refuses 'bad.jsonl: holds no record' bad.jsonl --scorer exact_match

finish
