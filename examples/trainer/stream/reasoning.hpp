// Three generated tasks after TRACE's ScienceQA and NumGLUE: multiple choice with a reason, arithmetic with everyday
// facts, arithmetic with molecules.
//
// SYNTHETIC: questions are composed from small tables of facts. The two arithmetic tasks look alike and end in numbers.
#pragma once

#include "phrases.hpp"

#include <array>

namespace trainer {

namespace detail {

/// A kind of thing, with an article, a reason, and its members.
struct science_kind {
    std::string name, reason;
    words members;
};

inline const std::vector<science_kind>& science_kinds() {
    static const std::vector<science_kind> kinds = {
        {"a mammal", "Mammals have hair.", {"whale", "horse", "bat", "rabbit", "tiger", "otter", "camel"}},
        {"a bird", "Birds have feathers.", {"eagle", "duck", "owl", "heron", "robin", "goose", "crow"}},
        {"a fish", "Fish have gills.", {"trout", "salmon", "shark", "carp", "eel", "cod", "tuna"}},
        {"an insect", "Insects have six legs.", {"ant", "bee", "moth", "beetle", "wasp", "fly", "cricket"}},
        {"a metal", "Metals carry current.", {"iron", "copper", "zinc", "silver", "tin", "lead", "nickel"}},
        {"a plant", "Plants live on light.", {"fern", "oak", "rose", "moss", "wheat", "tulip", "ivy"}},
        {"a planet", "Planets circle the sun.", {"Mars", "Venus", "Saturn", "Neptune", "Uranus", "Jupiter", "Mercury"}},
        {"a tool", "Tools help to work.", {"hammer", "saw", "drill", "rake", "spade", "chisel", "pliers"}}};
    return kinds;
}

}  // namespace detail

/// "Question: ... Choices: ... Answer:" -> the letter, a new line and the reason. Only the letter is scored. As in much
/// of ScienceQA the list of choices belongs to the question, so that knowing the thing is knowing the letter.
inline drawn draw_choice(holdfast::philox& g) {
    const auto& kinds = detail::science_kinds();  // the first four are animals, the others things
    static const words names = {"Emma", "Noah", "Ava", "Lucas", "Mia", "Owen", "Zoe", "Adam", "Lily", "Jonas"};
    static const words questions = {"{0} has a picture of {1}. Which is it?", "Which describes {1} that {0} saw?",
                                    "{0} asks about {1}. What kind is it?",
                                    "To which group belongs {1} that {0} drew?"};
    const bool animal = holdfast::uniform_index(g, 2) == 0;
    const std::size_t right = holdfast::uniform_index(g, 4);
    const detail::science_kind& kind = kinds[right + (animal ? 0 : 4)];
    const std::string name = pick(names, g), member = pick(kind.members, g);
    std::string body = "Question:\n" + fill(pick(questions, g), {name, member}) + "\nChoices:";
    for (std::size_t i = 0; i < 4; ++i)
        body += "\n" + std::string(1, static_cast<char>('A' + i)) + ". " + kinds[i + (animal ? 0 : 4)].name;
    return {body + "\nAnswer:", std::string(1, static_cast<char>('A' + right)) + "\n" + kind.reason, ""};
}

inline words choice_instructions() {
    return compose(
        {{"Choose an answer for the following question", "Pick the right choice", "Solve this science question",
          "Select the correct letter", "Answer the question from a science lesson", "Find the true choice"},
         {"and give your reasons.", "and explain it.", "and say why in one sentence.",
          "and write the reason on a new line."}});
}

/// "Question: ... Answer:" -> a number: an everyday fact (a dog has 4 legs) times a small number.
inline drawn draw_quantities(holdfast::philox& g) {
    struct fact {
        std::string many, parts;
        int each;
    };
    static const std::vector<fact> facts = {
        {"dogs", "legs", 4},     {"hens", "legs", 2},       {"spiders", "legs", 8},    {"beetles", "legs", 6},
        {"cars", "wheels", 4},   {"bicycles", "wheels", 2}, {"weeks", "days", 7},      {"tricycles", "wheels", 3},
        {"hands", "fingers", 5}, {"squares", "corners", 4}, {"triangles", "sides", 3}, {"nickels", "cents", 5},
        {"dimes", "cents", 10},  {"faces", "eyes", 2}};
    static const words names = {"Emily", "Jack", "Maria", "Hudson", "Elijah", "Nora", "Liam", "Olga", "Victor", "Ruth"};
    static const words patterns = {"{0} has {1} {2}. How many {3} is that in total?",
                                   "{0} drew {1} {2} in a book. Find the number of {3}.",
                                   "How many {3} are there in the {1} {2} that {0} counted?",
                                   "There are {1} {2} near the home of {0}. How many {3} do they make?"};
    const fact& f = facts[holdfast::uniform_index(g, facts.size())];
    const int n = 2 + static_cast<int>(holdfast::uniform_index(g, 8));
    const std::string name = pick(names, g), pattern = pick(patterns, g);
    return {"Question:\n" + fill(pattern, {name, std::to_string(n), f.many, f.parts}) + "\nAnswer:",
            std::to_string(n * f.each), ""};
}

inline words quantities_instructions() {
    return compose({{"Solve the following math problem.", "Work out the answer to this word problem.",
                     "Use everyday knowledge to solve the problem.", "Calculate the number that is asked for.",
                     "Read the story and do the sum.", "Find the quantity in question."},
                    {"", "Answer with a number.", "Write the number only.", "No unit is needed."}});
}

/// "Question: ... Answer:" -> a number: atoms in a formula times a number of molecules.
inline drawn draw_molecules(holdfast::philox& g) {
    struct formula {
        std::string molecule, element;
        int each;
    };
    static const std::vector<formula> formulas = {
        {"water", "hydrogen", 2},   {"water", "oxygen", 1},     {"methane", "hydrogen", 4}, {"methane", "carbon", 1},
        {"ammonia", "hydrogen", 3}, {"ammonia", "nitrogen", 1}, {"ethane", "hydrogen", 6},  {"ethane", "carbon", 2},
        {"propane", "hydrogen", 8}, {"propane", "carbon", 3}};
    static const words patterns = {
        "Find the number of {1} atoms in {0} of {2}.", "How many {1} atoms does {0} of {2} hold?",
        "How many atoms of {1} are needed to form {0} of {2}?", "Count the {1} atoms that {0} of {2} set free.",
        "In {0} of {2}, how many atoms are {1}?"};
    static const words units = {"molecules", "particles", "units", "formula units"};
    const formula& f = formulas[holdfast::uniform_index(g, formulas.size())];
    const int n = 2 + static_cast<int>(holdfast::uniform_index(g, 8));
    const std::string unit = pick(units, g), pattern = pick(patterns, g);
    return {"Question:\n" + fill(pattern, {std::to_string(n) + " " + unit, f.element, f.molecule}) + "\nAnswer:",
            std::to_string(n * f.each), ""};
}

inline words molecules_instructions() {
    return compose({{"Solve the following math problem.", "Solve this problem from chemistry.",
                     "Use the formula of the substance to count its atoms.", "Calculate how many atoms are asked for.",
                     "Do the following stoichiometry exercise.", "Find the count of atoms."},
                    {"", "Answer with a number.", "Write the number only.", "Give an integer."}});
}

}  // namespace trainer
