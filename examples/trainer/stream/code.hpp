// A generated code task after TRACE's Py150: the rest of the last line of a few lines of Python.
//
// SYNTHETIC: functions are composed from patterns and names, so that the rest follows from what stands before it.
#pragma once

#include "phrases.hpp"

#include <utility>

namespace trainer {

/// "Code: ... Rest:" -> the rest of the line.
inline drawn draw_code(holdfast::philox& g) {
    static const words names = {"width", "height", "price", "count", "total", "left", "right", "speed",
                                "mass",  "score",  "depth", "level", "index", "size", "start", "limit"};
    static const words lists = {"items", "rows", "users", "files", "lines", "nodes", "words", "points"};
    static const words things = {"item", "row", "user", "file", "line", "node", "word", "point"};
    static const words classes = {"Shape", "Order", "Player", "Window", "Sensor", "Report", "Engine", "Parser"};
    static const std::vector<std::pair<std::string, std::string>> operators = {
        {"add", "+"}, {"subtract", "-"}, {"multiply", "*"}, {"divide", "/"}, {"power", "**"}, {"modulo", "%"}};
    const std::size_t shape = holdfast::uniform_index(g, 6);
    const std::string a = pick(names, g);
    std::string b = a;
    while (b == a) b = pick(names, g);
    const std::size_t which = holdfast::uniform_index(g, lists.size());
    const std::string &list = lists[which], &thing = things[which], type = pick(classes, g);
    const auto& [verb, sign] = operators[holdfast::uniform_index(g, operators.size())];
    std::string code, rest;
    switch (shape) {
        case 0:
            code = fill("def {0}({1}, {2}):\n    return", {verb, a, b});
            rest = fill("{0} {1} {2}", {a, sign, b});
            break;
        case 1:
            code = fill("class {0}:\n    def __init__(self, {1}, {2}):\n        self.{1} = {1}\n        self.",
                        {type, a, b});
            rest = fill("{0} = {0}", {b});
            break;
        case 2:
            code = fill("def {0}({1}):\n    {2} = 0\n    for {3} in", {"sum_" + list, list, a, thing});
            rest = fill("{0}:", {list});
            break;
        case 3:
            code = fill("{0} = []\nfor {1} in load_{0}():\n    if {1}.{2} > {3}:\n        {0}.",
                        {list, thing, a, drawn_number(1, 9, g)});
            rest = fill("append({0})", {thing});
            break;
        case 4:
            code = fill("def set_{0}(self, {0}):\n    if {0} < 0:\n        raise", {a});
            rest = fill("ValueError(\"{0}\")", {a});
            break;
        default:
            code = fill("with open({0}_path) as {1}:\n    {2} =", {list, thing, a});
            rest = fill("{0}.read()", {thing});
    }
    return {"Code:\n" + code + "\nRest:", rest, ""};
}

inline words code_instructions() {
    return compose({{"Continue writing the code.", "Complete the last line of this program.",
                     "What does the programmer type next?", "Finish the unfinished statement.",
                     "Write the rest of the line.", "Fill in what the Python code lacks."},
                    {"", "Use the names that stand above.", "Write no comment.", "Give code only."}});
}

}  // namespace trainer
