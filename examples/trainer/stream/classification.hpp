// Two generated letter tasks after TRACE's C-STANCE and FOMC: whose side a text takes, and how a central bank sounds.
//
// SYNTHETIC: sentences are composed from lists. Both answer A, B or C, and the letters mean different things.
#pragma once

#include "phrases.hpp"

namespace trainer {

namespace detail {

/// 0 support, 1 against, 2 neutral.
inline const std::vector<words>& attitude_phrases() {
    static const std::vector<words> phrases = {
        {"we need {0}", "I am glad about {0}", "everyone gains from {0}", "{0} will make life better",
         "I fully support {0}", "{0} is a great idea", "I would vote for {0}", "I love {0}"},
        {"nobody needs {0}", "I am angry about {0}", "everyone loses from {0}", "{0} will make life worse",
         "I strongly oppose {0}", "{0} is a terrible idea", "I would vote against {0}", "I hate {0}"},
        {"the paper has a report on {0}", "people talk about {0} today", "the council will look at {0} on Monday",
         "somebody asked about {0}", "there is a page on {0}", "the plan for {0} has four parts",
         "{0} was named at the meeting", "a study of {0} begins in May", "they count the cost of {0}",
         "{0} is the topic of the week"}};
    return phrases;
}

inline const words& stance_targets() {
    static const words targets = {"night buses",    "the new tram",      "school uniforms", "longer holidays",
                                  "the city toll",  "free museums",      "wind farms",      "the ring road",
                                  "paper bags",     "home work",         "the old theatre", "open borders",
                                  "early lessons",  "the fish market",   "bike lanes",      "the sugar tax",
                                  "public gardens", "the harbour hotel", "electric cars",   "quiet streets"};
    return targets;
}

}  // namespace detail

/// "Text: ... Target: ... Attitude:" -> A (support), B (against), C (neutral). A quarter of the texts also speaks of
/// something else, with another attitude: the target decides.
inline drawn draw_stance(holdfast::philox& g) {
    const std::size_t label = holdfast::uniform_index(g, 3);
    const std::string target = pick(detail::stance_targets(), g);
    std::string text = fill(pick(detail::attitude_phrases()[label], g), {target});
    if (holdfast::uniform_index(g, 4) == 0) {
        std::string other = target;
        while (other == target) other = pick(detail::stance_targets(), g);
        const std::size_t other_label = (label + 1 + holdfast::uniform_index(g, 2)) % 3;
        const std::string clause = fill(pick(detail::attitude_phrases()[other_label], g), {other});
        text = holdfast::uniform_index(g, 2) == 0 ? text + ", but " + clause : clause + ", but " + text;
    }
    static const words letters = {"A", "B", "C"};
    return {"Text:\n" + capitalised(text) + ".\nTarget: " + target + "\nAttitude:", letters[label], ""};
}

inline words stance_instructions() {
    return compose({{"Judge the attitude of the following text towards the given target.",
                     "Read the text and decide whether its writer supports the target.",
                     "What does the writer think of the target?",
                     "Find out on whose side the text stands in the debate about the target.",
                     "Tell the opinion that the text holds of the target.",
                     "Is the following text for or against the target? It may also take no side."},
                    {"A. support, B. against, C. neutral.", "The options are A. support, B. against, C. neutral."},
                    {"Choose one from A, B and C.", "Reply with a single letter.", "Give only the letter."}});
}

/// "Text: ... Stance:" -> A (dovish), B (hawkish), C (neutral), as FOMC has them.
inline drawn draw_tone(holdfast::philox& g) {
    static const words who = {"The committee",   "Members",           "The staff",          "Most participants",
                              "Several members", "A few governors",   "The bank's experts", "Some participants",
                              "The chairman",    "The policy council"};
    static const std::vector<words> what = {
        {"saw weakness in employment", "noted that inflation had fallen below its target",
         "agreed to lower the policy rate", "expected slower growth", "favoured further purchases of bonds",
         "worried about a fall in output", "judged that policy could be eased", "reported declining orders",
         "pointed to idle capacity", "saw room for a cut in rates"},
        {"saw strength in employment", "noted that inflation had risen above its target",
         "agreed to raise the policy rate", "expected faster growth", "favoured an end of bond purchases",
         "worried about a surge in wages", "judged that policy should be tightened", "reported booming orders",
         "pointed to scarce labour", "saw need for higher rates"},
        {"reviewed the minutes of the last meeting", "left the schedule unchanged", "discussed the wording of the text",
         "received a briefing on statistics", "noted that risks were balanced", "thanked the outgoing secretary",
         "set the date of the next session", "found conditions little changed", "looked at a survey of households",
         "kept the directive as it was"}};
    static const words when = {"at the session in March", "in the second quarter", "over the period",
                               "since the last forecast", "during the autumn",     "after a long discussion",
                               "for the coming year",     "in most districts",     "according to the report",
                               "as the year went on"};
    const std::size_t label = holdfast::uniform_index(g, 3);
    const std::string subject = pick(who, g), phrase = pick(what[label], g), time = pick(when, g);
    const std::string text = holdfast::uniform_index(g, 2) == 0
                                 ? subject + " " + phrase + " " + time + "."
                                 : capitalised(time) + ", " +
                                       std::string(1, static_cast<char>(std::tolower(subject[0]))) + subject.substr(1) +
                                       " " + phrase + ".";
    static const words letters = {"A", "B", "C"};
    return {"Text:\n" + text + "\nStance:", letters[label], ""};
}

inline words tone_instructions() {
    return compose({{"What is the monetary policy stance for the following text?",
                     "Decide which monetary policy the following text leans to.",
                     "Read this sentence from a central bank and judge its tone.",
                     "How does the following statement on interest rates sound?",
                     "Classify the sentence by its view of monetary policy.",
                     "Does the text speak for lower rates, for higher rates, or for neither?"},
                    {"A. dovish, B. hawkish, C. neutral.", "The options are A. dovish, B. hawkish, C. neutral."},
                    {"Choose one from A, B and C.", "Reply with a single letter.", "Give only the letter."}});
}

}  // namespace trainer
