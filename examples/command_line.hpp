#pragma once
// What the file-in, file-out programs share: how they are called, how they refuse (one sentence on standard error,
// exit 2, nothing written), and where their words go. Builds on CLI11 and experiment/archive.hpp.

#include <holdfast/experiment/archive.hpp>

#include <CLI/CLI.hpp>

#include <cstdio>
#include <exception>
#include <string>
#include <type_traits>

/// Parses the arguments and runs the program.
///
/// @param app   with its options and its name
/// @param body  () -> void or an exit code; what it throws is said and ends with 2
template <class Body>
int run_program(CLI::App& app, int argc, char** argv, Body body) {
    try {
        app.parse(argc, argv);
    } catch (const CLI::CallForHelp& help) {
        return app.exit(help);
    } catch (const CLI::ParseError& wrong) {
        std::fprintf(stderr, "%s: %s; --help lists the options\n", app.get_name().c_str(), wrong.what());
        return 2;
    }
    try {
        if constexpr (std::is_void_v<decltype(body())>)
            body();
        else
            return body();
    } catch (const std::exception& wrong) {
        std::fprintf(stderr, "%s\n", wrong.what());
        return 2;
    }
    return 0;
}

/// Writes to a file, whole or not at all; to standard output where no file is named.
inline void write_result(const std::string& file, const std::string& text) {
    if (file.empty())
        std::fwrite(text.data(), 1, text.size(), stdout);
    else
        holdfast::experiment::write_atomically(file, text);
}
