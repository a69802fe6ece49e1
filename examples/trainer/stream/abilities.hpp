// General ability for the base model: facts, what comes next, sums and products, kinds, feelings.
//
// SYNTHETIC, from lists. The same generator makes the text that the base model is trained on and the questions that are
// held out; a held-out question never occurs in training, though its fact may occur in other words.
#pragma once

#include "phrases.hpp"
#include "reasoning.hpp"

#include <string>
#include <utility>
#include <vector>

namespace trainer {

/// General ability: facts, what comes next, sums and products, kinds, feelings, comparisons.
inline drawn draw_general(holdfast::philox& g);

namespace detail {

using facts = std::vector<std::pair<std::string, std::string>>;

/// A fact of a table in one of several wordings.
inline drawn ask_fact(const facts& table, const words& wordings, holdfast::philox& g) {
    const auto& [about, answer] = table[holdfast::uniform_index(g, table.size())];
    return {fill(pick(wordings, g), {about}), answer, ""};
}

inline drawn draw_fact(holdfast::philox& g) {
    static const facts opposites = {{"hot", "cold"},   {"big", "small"},   {"old", "young"},  {"open", "closed"},
                                    {"full", "empty"}, {"wet", "dry"},     {"fast", "slow"},  {"high", "low"},
                                    {"hard", "soft"},  {"early", "late"},  {"left", "right"}, {"loud", "quiet"},
                                    {"long", "short"}, {"light", "heavy"}, {"rich", "poor"},  {"strong", "weak"}};
    static const facts colours = {{"snow", "white"},   {"coal", "black"},   {"grass", "green"},
                                  {"blood", "red"},    {"milk", "white"},   {"a lemon", "yellow"},
                                  {"the sky", "blue"}, {"a frog", "green"}, {"the sun", "yellow"},
                                  {"a tomato", "red"}, {"the sea", "blue"}, {"a raven", "black"}};
    static const facts next = {{"Monday", "Tuesday"},  {"Tuesday", "Wednesday"}, {"Thursday", "Friday"},
                               {"Saturday", "Sunday"}, {"January", "February"},  {"March", "April"},
                               {"May", "June"},        {"August", "September"},  {"spring", "summer"},
                               {"autumn", "winter"},   {"one", "two"},           {"seven", "eight"}};
    static const facts parts = {{"legs has a dog", "4"},        {"legs has a hen", "2"},    {"legs has a spider", "8"},
                                {"wheels has a car", "4"},      {"days has a week", "7"},   {"fingers has a hand", "5"},
                                {"sides has a triangle", "3"},  {"eyes has a face", "2"},   {"legs has a beetle", "6"},
                                {"wheels has a tricycle", "3"}, {"cents has a dime", "10"}, {"hours has a day", "24"}};
    switch (holdfast::uniform_index(g, 6)) {
        case 4:
        case 5: {
            const science_kind& kind = science_kinds()[holdfast::uniform_index(g, science_kinds().size())];
            const std::string member = pick(kind.members, g);
            return {fill(pick({"What is {0}?", "To which kind belongs {0}?", "Say what {0} is.", "{0} is what?"}, g),
                         {member}),
                    kind.name, ""};
        }
        case 0:
            return ask_fact(opposites,
                            {"What is the opposite of {0}?", "Give the opposite of the word {0}.",
                             "Name a word that means the contrary of {0}.", "The opposite of {0} is what?"},
                            g);
        case 1:
            return ask_fact(colours,
                            {"Which colour has {0}?", "What is the colour of {0}?", "Tell me the colour of {0}.",
                             "Name the colour that {0} has."},
                            g);
        case 2:
            return ask_fact(next,
                            {"What comes after {0}?", "Which one follows {0}?", "{0} is followed by what?",
                             "Name what comes next after {0}."},
                            g);
        default:
            return ask_fact(parts, {"How many {0}?", "Tell me how many {0}.", "Do you know how many {0}?"}, g);
    }
}

inline drawn draw_sum(holdfast::philox& g) {
    static const words plus = {"What is {0} plus {1}?", "Add {0} and {1}.", "How much is {0} + {1}?",
                               "Give the sum of {0} and {1}."};
    static const words times = {"What is {0} times {1}?", "Multiply {0} by {1}.", "How much is {0} * {1}?",
                                "Give the product of {0} and {1}."};
    const bool product = holdfast::uniform_index(g, 3) != 0;
    const int a = static_cast<int>(holdfast::uniform_index(g, 10));
    const int b = static_cast<int>(holdfast::uniform_index(g, 10));
    return {fill(pick(product ? times : plus, g), {std::to_string(a), std::to_string(b)}),
            std::to_string(product ? a * b : a + b), ""};
}

/// To which of four kinds a thing belongs: the letter.
inline drawn draw_kind(holdfast::philox& g) {
    static const std::vector<words> kinds = {{"dog", "cow", "cat", "pig", "goat", "sheep", "donkey", "hamster"},
                                             {"apple", "pear", "plum", "grape", "cherry", "melon", "lemon", "peach"},
                                             {"chair", "table", "bed", "desk", "shelf", "sofa", "stool", "bench"},
                                             {"shirt", "hat", "sock", "glove", "scarf", "belt", "coat", "skirt"}};
    static const words wordings = {"Which is {0}?{1}", "Say what {0} is.{1}", "Choose for {0}.{1}",
                                   "{0} is one of these.{1}"};
    const std::size_t right = holdfast::uniform_index(g, kinds.size());
    const bool lines = holdfast::uniform_index(g, 2) == 0;
    const std::string options = lines ? "\nA. an animal\nB. a fruit\nC. furniture\nD. clothing"
                                      : " A. an animal B. a fruit C. furniture D. clothing";
    const std::string member = pick(kinds[right], g), wording = pick(wordings, g);
    return {fill(wording, {member, options}), std::string(1, static_cast<char>('A' + right)), ""};
}

/// What somebody feels about a thing, or where a number goes: one word, or the letter of an option.
inline drawn draw_judgement(holdfast::philox& g) {
    struct judgement {
        std::string question;
        words labels;
        std::vector<words> texts;  // per label
    };
    static const std::vector<judgement> judgements = {
        {"Does the speaker like it?",
         {"yes", "no"},
         {{"I love {0}.", "I am glad about {0}.", "{0} is great.", "I support {0}.", "We need {0}."},
          {"I hate {0}.", "I am angry about {0}.", "{0} is terrible.", "I oppose {0}.", "Nobody needs {0}."}}},
        {"Does it go up or down?",
         {"up", "down"},
         {{"The price of {0} had risen.", "They raise {0}.", "We saw faster growth of {0}.", "{0} is booming.",
           "There was a surge in {0}."},
          {"The price of {0} had fallen.", "They lower {0}.", "We saw slower growth of {0}.", "{0} is declining.",
           "There was a fall in {0}."}}}};
    static const words things = {"the soup", "the song", "rain", "the bakery",  "our team", "the film",
                                 "the rent", "football", "tea",  "the new car", "bread",    "the sea"};
    const judgement& j = judgements[holdfast::uniform_index(g, judgements.size())];
    const std::size_t label = holdfast::uniform_index(g, 2), first = holdfast::uniform_index(g, 2);
    const std::string thing = pick(things, g);
    const std::string text = capitalised(fill(pick(j.texts[label], g), {thing}));
    if (holdfast::uniform_index(g, 2) == 0) return {j.question + " " + text, j.labels[label], ""};
    return {fill("{0} A. {1} B. {2} {3}", {j.question, j.labels[first], j.labels[1 - first], text}),
            label == first ? "A" : "B", ""};
}

}  // namespace detail

inline drawn draw_general(holdfast::philox& g) {
    const std::size_t of_eight = holdfast::uniform_index(g, 8);  // by how much practice each takes
    if (of_eight < 3) return detail::draw_sum(g);
    if (of_eight < 5) return detail::draw_fact(g);
    if (of_eight < 7) return detail::draw_judgement(g);
    return detail::draw_kind(g);
}

}  // namespace trainer
