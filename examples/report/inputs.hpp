#pragma once
// From the command line to methods: which files make one method, which columns are suites, what is given beside.
// Reading single files is read.hpp.

#include <algorithm>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "read.hpp"

namespace report_program {

struct request {
    std::vector<std::string> scores, suites;
    std::string baseline, single_task, before, after;
    reading how;
};

struct inputs {
    std::vector<method> methods;
    references beside;
};

inline bool exists(const std::string& path) {
    std::error_code ignored;
    return std::filesystem::exists(path, ignored);
}

inline std::vector<std::string> split(std::string_view list) {
    std::vector<std::string> parts;
    while (true) {
        const auto comma = list.find(',');
        parts.emplace_back(list.substr(0, comma));
        if (comma == std::string_view::npos) return parts;
        list.remove_prefix(comma + 1);
    }
}

/// FILE, or NAME=FILE, or FILE,FILE,... for the stages of one method.
struct argument {
    std::string name;  // empty: by the file
    std::vector<std::string> paths;
    bool alone = true;  // no name and one path: neighbours may be its other stages
};

inline argument parse_argument(const std::string& text) {
    if (exists(text)) return {{}, {text}, true};
    argument a;
    std::string rest = text;
    if (const auto sign = text.find('='); sign != std::string::npos && sign > 0) {
        a.name = text.substr(0, sign);
        rest = text.substr(sign + 1);
    }
    a.paths = exists(rest) ? std::vector{rest} : split(rest);
    a.alone = a.name.empty() && a.paths.size() == 1;
    return a;
}

inline std::string stem(const std::string& path) {
    const auto p = std::filesystem::path(path).lexically_normal();
    const auto last = p.has_filename() ? p : p.parent_path();
    const bool folder = std::filesystem::is_directory(path);
    return (folder ? last.filename() : last.stem()).string();
}

inline std::vector<method> read_methods(const request& asked, std::vector<double>& single) {
    std::vector<argument> given;
    std::vector<kind> kinds;
    bool open = false;  // the last argument may take further stages
    for (const std::string& text : asked.scores) {
        argument a = parse_argument(text);
        const kind what = kind_of(a.paths.front());
        for (const std::string& path : a.paths)
            require(a.paths.size() == 1 || kind_of(path) == kind::lm_eval,
                    "report: several files make one method only where each is an evaluation of "
                    "lm-evaluation-harness, '",
                    path, "' is not");
        const bool stage = a.alone && what == kind::lm_eval;
        if (stage && open) {
            given.back().paths.push_back(a.paths.front());
            continue;
        }
        open = stage;
        given.push_back(std::move(a));
        kinds.push_back(what);
    }
    std::vector<method> methods;
    for (std::size_t i = 0; i < given.size(); ++i) {
        const argument& a = given[i];
        const std::string& path = a.paths.front();
        if (kinds[i] == kind::report) {
            auto all = read_report_json(path, asked.how, single);
            require(a.name.empty() || all.size() == 1, "report: '", path, "' holds ", all.size(),
                    " methods with names of their own, it cannot be called '", a.name, "'");
            if (!a.name.empty()) all.front().name = a.name;
            for (auto& m : all) methods.push_back(std::move(m));
            continue;
        }
        method m{a.name.empty() ? stem(a.paths.back()) : a.name, path, {}};
        table t = kinds[i] == kind::csv            ? read_csv(path, asked.how)
                  : kinds[i] == kind::trace_folder ? read_trace_folder(path, asked.how)
                                                   : read_lm_eval_stages(a.paths, asked.how);
        if (t.stages().empty()) throw format_error(path, 0, "holds no stage: after the row base there is none");
        m.runs.push_back({.seed = 0, .stream = std::move(t), .suites = {}});
        methods.push_back(std::move(m));
    }
    for (auto& m : methods)  // a/scores.csv and b/scores.csv
        if (std::count_if(methods.begin(), methods.end(), [&](const method& o) { return o.name == m.name; }) > 1)
            m.name = std::filesystem::path(m.source).replace_extension().string();
    for (std::size_t i = 0; i < methods.size(); ++i)
        for (std::size_t k = 0; k < i; ++k)
            require(methods[i].name != methods[k].name, "report: two methods are called '", methods[i].name,
                    "'; NAME=FILE names them");
    return methods;
}

/// The model before and after the whole stream, as one table of a row before and a stage.
inline std::optional<table> before_and_after(const request& asked, std::vector<column>& before_only) {
    require(asked.after.empty() || !asked.before.empty(), "report: --after needs --before");
    if (asked.before.empty()) return std::nullopt;
    const auto row = [](const table& t) {  // wherever the one row stands
        auto columns = t.columns();
        for (column& c : columns)
            if (!c.after.empty()) c.before = c.after[0], c.before_error = c.after_errors[0];
        return columns;
    };
    before_only = row(read_row(asked.before, asked.how));
    if (asked.after.empty()) return std::nullopt;
    const auto after = row(read_row(asked.after, asked.how));
    std::vector<column> both;
    for (column c : before_only) {
        const auto at = std::find_if(after.begin(), after.end(), [&](const column& a) { return a.name == c.name; });
        if (at == after.end())
            throw format_error(asked.after, 0, "has no score of \"" + c.name + "\", which " + asked.before + " has");
        if (at->traits.scale != c.traits.scale)
            throw format_error(asked.after, 0,
                               "\"" + c.name + "\" has another unit than in " + asked.before + " (--scale says which)");
        c.after = {at->before}, c.after_errors = {at->before_error};
        both.push_back(std::move(c));
    }
    for (const column& a : after)
        if (std::none_of(both.begin(), both.end(), [&](const column& c) { return c.name == a.name; }))
            throw format_error(asked.before, 0, "has no score of \"" + a.name + "\", which " + asked.after + " has");
    return table(std::move(both), {"after"});
}

/// --suite general=mmlu,gsm8k,safety=toxigen: names of test sets, or one file with a row base.
inline std::array<std::vector<std::string>, 3> parse_suites(const std::vector<std::string>& texts) {
    std::array<std::vector<std::string>, 3> names;
    int now = -1;
    for (const std::string& text : texts)
        for (std::string part : split(text)) {
            if (const auto sign = part.find('='); sign != std::string::npos) {
                const std::string which = part.substr(0, sign);
                now = which == "general"                                           ? general
                      : which == "instruction" || which == "instruction_following" ? instruction_following
                      : which == "safety"                                          ? safety
                                                                                   : -1;
                require(now >= 0, "report: --suite: general, instruction or safety, not \"", which, "\"");
                part.erase(0, sign + 1);
            }
            require(now >= 0 && !part.empty(), "report: --suite reads KIND=NAME,NAME,..., it is \"", text, "\"");
            names[static_cast<std::size_t>(now)].push_back(part);
        }
    return names;
}

inline column take(std::vector<column>& from, const std::string& name) {
    const auto at = std::find_if(from.begin(), from.end(), [&](const column& c) { return c.name == name; });
    if (at == from.end()) return {};
    column c = std::move(*at);
    from.erase(at);
    return c;
}

/// The tasks that were asked for, in that order.
inline std::vector<column> pick(std::vector<column> all, const std::vector<std::string>& names,
                                const std::string& file) {
    if (names.empty()) return all;
    std::vector<column> picked;
    for (const std::string& name : names) {
        column c = take(all, name);
        if (c.name.empty()) throw format_error(file, 0, "has no task \"" + name + "\", which --tasks names");
        picked.push_back(std::move(c));
    }
    return picked;
}

inline table suite_file(const std::string& path, const reading& how) {
    table t = read_csv(path, how);
    if (t.scores().before().empty() || t.stages().empty())
        throw format_error(path, 0, "must hold a row base and a row after training");
    return t;
}

/// The suite of these sets: from --before and --after, else from the columns of the scores. Takes them out of both.
inline table suite_of_sets(const std::vector<std::string>& names, const char* kind, const request& asked,
                           std::vector<column>& stream, std::vector<column>& extra, std::vector<std::string> stages) {
    std::vector<column> own;
    std::size_t from_stream = 0;
    for (const std::string& name : names) {
        column c = take(extra, name), also = take(stream, name);
        from_stream += c.name.empty();
        own.push_back(c.name.empty() ? std::move(also) : std::move(c));
        require(!own.back().name.empty(), "report: --suite: \"", name, "\" is no file and no test set of ",
                asked.after.empty() ? "the scores" : asked.after + " or the scores");
    }
    require(from_stream == 0 || from_stream == names.size(), "report: --suite ", kind,
            ": some of its sets stand in --after, others in the scores alone");
    if (from_stream == 0) stages = {"after"};
    return table(std::move(own), std::move(stages));
}

inline void give_suites(const method& m, run& r, const request& asked,
                        const std::array<std::vector<std::string>, 3>& names, const std::optional<table>& both,
                        const std::vector<column>& before_only) {
    auto stream = r.stream ? r.stream->columns() : std::vector<column>{};
    auto extra = both ? both->columns() : std::vector<column>{};
    const auto stages = r.stream ? r.stream->stages() : std::vector<std::string>{};
    for (column& c : stream)  // the model before training may have been asked the stream's tasks, too
        for (const column& b : before_only)
            if (b.name == c.name && std::isnan(c.before)) {
                c.before = in_unit(b.before, b.traits, c.traits);
                c.before_error = in_unit(b.before_error, b.traits, c.traits);
            }
    bool any = false;
    for (std::size_t k = 0; k < 3; ++k) {
        if (names[k].empty()) continue;
        any = true;
        r.suites[k] = names[k].size() == 1 && exists(names[k][0])
                          ? suite_file(names[k][0], asked.how)
                          : suite_of_sets(names[k], ability_names[k], asked, stream, extra, stages);
    }
    if (r.stream) stream = pick(std::move(stream), asked.how.tasks, m.source);
    for (const column& c : stream) (void)take(extra, c.name);
    if (!extra.empty()) (any ? r.others : r.suites[general]) = table(extra, {"after"});
    r.stream.reset();
    if (!stream.empty()) r.stream = table(std::move(stream), stages);
}

/// A row of scores given beside the stream, in the units of its tasks.
inline std::vector<double> row_for(const std::string& path, const table& stream, const reading& how) {
    if (path.empty()) return {};
    const table t = read_row(path, how);
    const auto& names = t.scores().names();
    std::vector<double> row;
    for (std::size_t k = 0; k < stream.tasks(); ++k) {
        const std::string& name = stream.scores().names()[k];
        if (std::find(names.begin(), names.end(), name) == names.end())
            throw format_error(path, 0, "has no score of task \"" + name + "\"");
        const std::size_t j = t.scores().index(name);
        row.push_back(
            in_unit(t.score(t.stages().empty() ? 0 : 1, j), t.scores().traits()[j], stream.scores().traits()[k]));
    }
    return row;
}

inline inputs read_inputs(const request& asked) {
    inputs in;
    std::vector<double> single;
    in.methods = read_methods(asked, single);
    std::vector<column> before_only;
    const auto both = before_and_after(asked, before_only);
    const auto names = parse_suites(asked.suites);
    require(!in.methods.empty() || both, "report: SCORES are needed, or --before and --after");
    if (in.methods.empty()) in.methods.push_back({stem(asked.after), asked.after, {run{}}});
    require(in.methods.size() == 1 || !both, "report: --before and --after belong to one method, there are ",
            in.methods.size());
    for (method& m : in.methods)
        for (run& r : m.runs) give_suites(m, r, asked, names, both, before_only);
    const method& first = in.methods.front();
    for (const method& m : in.methods) {
        const auto& stream = m.runs.front().stream;
        if (!stream) continue;
        if (stream->stages().size() > stream->tasks())
            throw format_error(m.source, 0,
                               sentence("has ", stream->stages().size(), " stages for ", stream->tasks(),
                                        " tasks, where each stage learns one"));
        require(first.runs.front().stream.has_value() &&
                    stream->scores().names() == first.runs.front().stream->scores().names(),
                "report: methods are compared on the same tasks in the same order, those of '", m.source,
                "' are not those of '", first.source, "' (--tasks puts them in order)");
        require(stream->scores().scale() == first.runs.front().stream->scores().scale(), "report: the scores of '",
                m.source, "' have another unit than those of '", first.source, "' (--scale says which)");
    }
    if (const auto& stream = first.runs.front().stream) {
        in.beside.baseline = row_for(asked.baseline, *stream, asked.how);
        in.beside.single_task = row_for(asked.single_task, *stream, asked.how);
        if (in.beside.single_task.empty() && single.size() == stream->tasks()) in.beside.single_task = single;
    }
    return in;
}

}  // namespace report_program
