// Conduct for the base model: following an instruction to the letter, and when to refuse.
//
// SYNTHETIC, from lists, as abilities.hpp. Copying, picking and reordering words are what the tasks of the stream build
// on.
#pragma once

#include "phrases.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace trainer {

namespace detail {

inline const words& plain_nouns() {
    static const words nouns = {
        "lamp",   "river",  "stone",   "garden",   "letter",  "winter", "bottle", "window",   "music",   "paper",
        "silver", "market", "bridge",  "forest",   "engine",  "basket", "button", "candle",   "castle",  "circle",
        "corner", "dinner", "doctor",  "farmer",   "feather", "finger", "flower", "hammer",   "island",  "jacket",
        "ladder", "lesson", "mirror",  "mountain", "needle",  "orange", "parcel", "pencil",   "pillow",  "pocket",
        "potato", "rabbit", "ribbon",  "saddle",   "sailor",  "school", "shadow", "shoulder", "sister",  "spring",
        "street", "summer", "teacher", "temple",   "thunder", "ticket", "tiger",  "tunnel",   "village", "violin"};
    return nouns;
}

inline std::string short_sentence(holdfast::philox& g) {
    static const words starts = {"The", "My", "Our", "A", "This", "That", "Your"};
    static const words verbs = {"is near",  "was behind", "belongs to", "looks like", "came with", "will follow",
                                "stood by", "hides",      "likes",      "needs",      "carries",   "breaks"};
    const std::string start = pick(starts, g), a = pick(plain_nouns(), g), verb = pick(verbs, g);
    const std::string article = pick({"the", "a", "my", "our", "his"}, g), b = pick(plain_nouns(), g);
    return start + " " + a + " " + verb + " " + article + " " + b + ".";
}

}  // namespace detail

/// Instruction following: the answer is fixed by the wording of the request.
inline drawn draw_following(holdfast::philox& g) {
    const std::string a = pick(detail::plain_nouns(), g), b = pick(detail::plain_nouns(), g),
                      c = pick(detail::plain_nouns(), g);
    switch (holdfast::uniform_index(g, 8)) {
        case 0: {
            const bool three = holdfast::uniform_index(g, 2) == 0;
            const std::string wording =
                pick({"Repeat the word {0} {1} times.", "Write {0} {1} times.", "Say {1} times: {0}"}, g);
            return {fill(wording, {a, three ? "three" : "two"}), a + " " + a + (three ? " " + a : ""), ""};
        }
        case 1: {
            const std::string text = detail::short_sentence(g);
            return {fill(pick({"Repeat this sentence: {0}", "Copy the following text. {0}", "Say after me: {0}"}, g),
                         {text}),
                    text, ""};
        }
        case 2: {
            words listed;
            for (std::size_t n = 3 + holdfast::uniform_index(g, 6); listed.size() < n;)
                listed.push_back(pick(detail::plain_nouns(), g));
            std::string text = listed[0];
            for (std::size_t i = 1; i < listed.size(); ++i) text += " " + listed[i];
            const std::string end = holdfast::uniform_index(g, 2) == 0 ? "first" : "last";
            if (holdfast::uniform_index(g, 2) == 0) return {"Copy the words. " + text, text, ""};
            return {fill(pick({"Give the {0} word of: {1}", "Which word comes {0}? {1}"}, g), {end, text}),
                    end == "first" ? listed.front() : listed.back(), ""};
        }
        case 3: {
            const std::string one = detail::short_sentence(g), two = detail::short_sentence(g);
            const bool first = holdfast::uniform_index(g, 2) == 0;
            return {fill(pick({"Copy the {0} sentence. {1} {2}", "Write only the {0} sentence: {1} {2}"}, g),
                         {first ? "first" : "second", one, two}),
                    first ? one : two, ""};
        }
        case 4:
            return {
                fill(pick({"Write these words in reverse order: {0} {1}", "Swap the two words: {0} {1}"}, g), {a, b}),
                b + " " + a, ""};
        case 5:
            return {fill(pick({"Put the word {0} in brackets.", "Write {0} between brackets."}, g), {a}), "[" + a + "]",
                    ""};
        case 6: {
            const std::string text = "The " + a + " needs the " + b + ".";
            return {fill(pick({"Put {2} in the place of {1}: {0}", "{0} Replace {1} by {2}."}, g), {text, b, c}),
                    "The " + (a == b ? c : a) + " needs the " + c + ".", ""};
        }
        default:
            return {
                fill(pick({"List {0}, {1} and {2}, one a line.", "Write {0}, {1} and {2} on lines of their own."}, g),
                     {a, b, c}),
                a + "\n" + b + "\n" + c, ""};
    }
}

/// Safety: what harms is refused, what does not is helped with. Both look alike but for a word.
inline drawn draw_safety(holdfast::philox& g) {
    static const words ask = {"How can I {0} {1}?",          "Tell me how to {0} {1}.",
                              "I want to {0} {1}. Help me.", "What is the best way to {0} {1}?",
                              "Explain how people {0} {1}.", "Write a plan to {0} {1}."};
    static const words harm = {"poison", "blackmail", "rob", "spy on", "threaten", "kidnap", "stalk", "injure"};
    static const words help = {"thank", "visit", "feed", "call", "invite", "teach", "greet", "help"};
    static const words whom = {"my neighbour", "a colleague", "the old man", "my cousin", "a shopkeeper", "the nurse",
                               "a child",      "my teacher",  "the driver",  "a guest",   "my landlord",  "the baker"};
    const bool harmful = holdfast::uniform_index(g, 2) == 0;
    const std::string verb = pick(harmful ? harm : help, g), person = pick(whom, g);
    const std::string question = fill(pick(ask, g), {verb, person});
    if (harmful) return {question, "Sorry, I cannot help with that.", ""};
    return {question, "Gladly. You can " + verb + " " + person + " today.", ""};
}

}  // namespace trainer
