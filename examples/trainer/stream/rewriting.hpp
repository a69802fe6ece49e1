// Two generated text tasks after TRACE's MeetingBank and 20Minuten: find the point of a meeting, say it in plain words.
//
// SYNTHETIC: minutes and paragraphs are composed from lists. Both copy most of their answer from the prompt, but one
// picks a sentence and the other changes words.
#pragma once

#include "phrases.hpp"

namespace trainer {

/// "Meeting transcripts: ... Summary:" -> the recommendation that was moved, word for word.
inline drawn draw_minutes(holdfast::philox& g) {
    static const words speakers = {"Mayor", "Councilman Price", "Councilwoman Lee", "Clerk", "Chair", "Member Ortiz"};
    static const words openings = {"Thank you. Next item, please.",
                                   "Let us go on.",
                                   "Good evening, everyone.",
                                   "Please come to order.",
                                   "That was a good walk this morning.",
                                   "We are a little late."};
    static const words verbs = {"approve", "repair", "extend", "sell", "paint", "study", "close", "rename"};
    static const words objects = {"the river bridge", "the bus contract", "the north park",    "the fire station",
                                  "the town library", "the west garage",  "the swimming hall", "the market square"};
    static const words details = {"for two years",      "with city money", "before the winter",  "at low cost",
                                  "as the staff asked", "for the schools", "in the next budget", "after a vote"};
    static const words chatter = {"I have a question on the cost.",
                                  "I too would like to know more.",
                                  "My neighbours wrote to me.",
                                  "There is no staff report.",
                                  "I see no comment.",
                                  "The room is full tonight.",
                                  "This has taken long."};
    static const words closings = {"The motion passes.", "The motion fails.", "All in favour say yes.",
                                   "We come back to it next week."};
    const std::string verb = pick(verbs, g), object = pick(objects, g), detail = pick(details, g);
    const std::string opening = pick(openings, g), speaker = pick(speakers, g), number = drawn_number(10, 40, g);
    const std::string first = pick(chatter, g), closing = pick(closings, g);
    const std::string point = "ecommendation to " + verb + " " + object + " " + detail + ".";
    const std::string text =
        opening + " " + speaker + ". Item " + number + " is a r" + point + " " + first + " " + closing;
    return {"Meeting transcripts:\n" + text + "\nSummary:", "R" + point, ""};
}

inline words minutes_instructions() {
    return compose({{"Write a summary of the following meeting transcripts.",
                     "Summarise what the council was asked to do in this meeting.",
                     "Give the main point of the meeting below.", "Read the minutes and state the recommendation.",
                     "Which matter was before the council? Write it in one sentence.",
                     "Condense the transcript to its essential sentence."},
                    {"", "Leave out small talk.", "Be brief.", "Use the words of the speakers."}});
}

namespace detail {

/// A hard word or phrase and its plain twin.
struct plain_pair {
    std::string hard, plain;
};

inline const plain_pair& pick_pair(const std::vector<plain_pair>& list, holdfast::philox& g) {
    return list[holdfast::uniform_index(g, list.size())];
}

}  // namespace detail

/// "Paragraph: ... Simplification:" -> the same in plain words, without the inserted clause.
inline drawn draw_plain_words(holdfast::philox& g) {
    using pairs = std::vector<detail::plain_pair>;
    static const pairs who = {{"The physician", "The doctor"},   {"The attorney", "The lawyer"},
                              {"The infant", "The baby"},        {"The instructor", "The teacher"},
                              {"The inhabitants", "The people"}, {"The constable", "The policeman"},
                              {"The proprietor", "The owner"},   {"The juveniles", "The children"},
                              {"The cultivator", "The farmer"},  {"The vocalist", "The singer"}};
    static const pairs did = {{"purchased", "bought"},    {"constructed", "built"},    {"discovered", "found"},
                              {"inspected", "looked at"}, {"relinquished", "gave up"}, {"transported", "carried"},
                              {"concealed", "hid"},       {"demolished", "broke"},     {"acquired", "got"},
                              {"abandoned", "left"}};
    static const pairs what = {{"the residence", "the house"},   {"the vehicle", "the car"},
                               {"the manuscript", "the book"},   {"the vessel", "the ship"},
                               {"the apparatus", "the machine"}, {"the garment", "the coat"},
                               {"the footwear", "the shoes"},    {"the timepiece", "the clock"},
                               {"the receptacle", "the box"},    {"the portrait", "the picture"}};
    static const pairs how = {{"subsequently", "later"},          {"immediately", "at once"},
                              {"with celerity", "quickly"},       {"in the vicinity", "nearby"},
                              {"on numerous occasions", "often"}, {"at dusk", "in the evening"}};
    static const words aside = {"",
                                "",
                                ", which was made in 1890,",
                                ", as the record states,",
                                ", according to witnesses,",
                                ", it is alleged,"};
    const auto& a = detail::pick_pair(who, g);
    const auto& b = detail::pick_pair(did, g);
    const auto& c = detail::pick_pair(what, g);
    const auto& d = detail::pick_pair(how, g);
    const std::string clause = pick(aside, g);
    const std::string hard = a.hard + " " + b.hard + " " + c.hard + clause + " " + d.hard + ".";
    const std::string plain = a.plain + " " + b.plain + " " + c.plain + " " + d.plain + ".";
    return {"Paragraph:\n" + hard + "\nSimplification:", plain, hard};
}

inline words plain_words_instructions() {
    return compose(
        {{"Provide a simplified version of the following paragraph.", "Rewrite the paragraph in simpler words.",
          "Say the same so that a child understands it.", "Replace every difficult word by an easy one.",
          "Turn this text into plain language.", "Make the following sentence easier to read."},
         {"", "Keep the meaning.", "Use short words.", "Leave out what is not needed."}});
}

}  // namespace trainer
