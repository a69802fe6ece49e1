#include <holdfast/experiment/report_html.hpp>

#include "experiment/sample.hpp"
#include "support/test.hpp"

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace experiment = holdfast::experiment;

namespace {

/// What a strict reader of the page finds: every element closed in order, every attribute quoted, ids unique.
struct structure {
    std::string problem = {};
    std::map<std::string, std::size_t> elements = {};
    std::set<std::string> ids = {}, referred = {};
    std::string text = {};
};

structure read(const std::string& page) {
    structure s;
    std::vector<std::string> open;
    const std::set<std::string> no_end = {"meta", "link", "br", "img", "hr", "input"};
    std::size_t at = page.find("<html");
    const auto fail = [&](const std::string& what) {
        if (s.problem.empty()) s.problem = what + " at: " + page.substr(at, 80);
    };
    while (at < page.size() && s.problem.empty()) {
        if (page[at] != '<') {
            const std::size_t next = std::min(page.find('<', at), page.size());
            const std::string_view text = std::string_view(page).substr(at, next - at);
            if (text.find('>') != std::string_view::npos && open.back() != "style") fail("a bare >");
            for (std::size_t k = text.find('&'); k != std::string_view::npos; k = text.find('&', k + 1))
                if (text.find(';', k) == std::string_view::npos || text.find(';', k) - k > 8) fail("a bare &");
            if (open.empty() || open.back() != "style") s.text += text;
            at = next;
            continue;
        }
        const bool closing = page[at + 1] == '/';
        std::size_t p = at + (closing ? 2 : 1);
        std::string name;
        while (p < page.size() && (std::isalnum(static_cast<unsigned char>(page[p])) || page[p] == '-'))
            name += page[p++];
        if (name.empty()) fail("no name");
        bool self = false;
        while (p < page.size() && page[p] != '>') {
            if (page[p] == ' ' || page[p] == '\n') {
                ++p;
                continue;
            }
            if (page[p] == '/') {
                self = true;
                ++p;
                continue;
            }
            std::string attribute;
            while (p < page.size() && page[p] != '=' && page[p] != '>' && page[p] != ' ') attribute += page[p++];
            if (page[p] != '=' || page[p + 1] != '"') {
                fail("attribute " + attribute + " without a quoted value");
                break;
            }
            const std::size_t end = page.find('"', p + 2);
            const std::string value = page.substr(p + 2, end - p - 2);
            if (value.find('<') != std::string::npos) fail("a bare < in an attribute");
            if (attribute == "id" && !s.ids.insert(value).second) fail("id twice: " + value);
            if (attribute == "aria-labelledby") {
                std::size_t b = 0;
                while (b < value.size()) {
                    const std::size_t e = std::min(value.find(' ', b), value.size());
                    s.referred.insert(value.substr(b, e - b));
                    b = e + 1;
                }
            }
            if (attribute == "href" || attribute == "src" || attribute.starts_with("on"))
                fail("attribute " + attribute);
            p = end + 1;
        }
        at = p + 1;
        if (closing) {
            if (open.empty() || open.back() != name)
                fail("</" + name + "> closes " + (open.empty() ? "nothing" : open.back()));
            else
                open.pop_back();
        } else {
            ++s.elements[name];
            if (!self && !no_end.count(name)) open.push_back(name);
        }
        if (open.empty()) break;
    }
    if (!open.empty()) fail("left open: " + open.back());
    return s;
}

}  // namespace

TEST_CASE("the page is well formed, and refers to nothing outside itself") {
    for (const std::size_t seeds : {std::size_t{1}, std::size_t{3}}) {
        const std::string page = sample::report(seeds).html();
        const auto s = read(page);
        CHECK(s.problem == "");
        CHECK(s.elements.count("script") == 0);
        CHECK(s.elements.count("link") == 0);
        CHECK(s.elements.count("img") == 0);
        CHECK(page.find("http") == std::string::npos);
        CHECK(page.find("@import") == std::string::npos);
        for (const auto& id : s.referred) CHECK(s.ids.count(id) == 1);
        CHECK(page.starts_with("<!DOCTYPE html>\n<html lang=\"en\">"));
        CHECK_THAT(page, Contains("name=\"viewport\" content=\"width=device-width, initial-scale=1\""));
        CHECK_THAT(page, Contains("@media print") && Contains("prefers-color-scheme:dark"));
    }
}

TEST_CASE("names from outside are escaped wherever they stand") {
    auto report = sample::report();
    auto run = sample::run("<script>alert(1)</script>", 0, 0.7);
    run.config.emplace_back("</style><b>", "' onload=\"x\"");
    run.suites[0].about.name = "<img src=x>";
    report.add(run);
    const std::string page = report.html("<title> & more");
    const auto s = read(page);
    CHECK(s.problem == "");
    CHECK(s.elements.count("script") == 0);
    CHECK(s.elements.count("img") == 0);
    CHECK_THAT(page, Contains("&lt;script&gt;alert(1)") && Contains("<h1>&lt;title&gt; &amp; more</h1>"));
    CHECK_THAT(page, Contains("a &lt;b&gt; &amp; &quot;c&quot;"));
}

TEST_CASE("every picture has a title and a description, every table its headers") {
    const std::string page = sample::report().html();
    const auto s = read(page);
    std::size_t pictures = 0;
    for (std::size_t at = page.find("role=\"img\""); at != std::string::npos; at = page.find("role=\"img\"", at + 1))
        ++pictures;
    CHECK(pictures == 4);  // OP, BWT, deltas, replay of the one method that replays
    CHECK(s.elements.at("title") == pictures + 1);
    CHECK(s.elements.at("desc") == pictures);
    CHECK(s.elements.at("thead") == s.elements.at("table"));
    for (std::size_t at = page.find("<th "); at != std::string::npos; at = page.find("<th ", at + 1))
        CHECK(page.compare(at, 11, "<th scope=\"") == 0);
    CHECK(page.find("<th>") == std::string::npos);
}

TEST_CASE("the numbers are on the page") {
    const std::string page = sample::report().html();
    CHECK_THAT(page, Contains(">0.453<span class=\"interval\">± 0.008</span>"));  // OP of seq
    CHECK_THAT(page, Contains(">−0.485<"));                                       // its BWT, with print's minus
    CHECK_THAT(page, Contains("between 0.2900 and 0.4100"));                      // a distance and its certificate
    CHECK_THAT(page, Contains("epochs</th><td>3</td>"));
    CHECK_THAT(page, Contains("seq: 0.1; InsCL &lt;i&gt;: 0.2"));
    CHECK_THAT(page, Contains("no suite of this kind was given"));
}

TEST_CASE("what there is no data for is left out") {
    auto run = sample::run("seq", 0, 0.5);
    run.suites.clear();
    const std::string page = experiment::report(run).html();
    CHECK(read(page).problem == "");
    for (const char* absent : {"id=\"abilities\"", "id=\"distances\"", "id=\"replay\""})
        CHECK(page.find(absent) == std::string::npos);
    CHECK(read(experiment::report().html()).problem == "");
    CHECK_THAT(experiment::report().html(), Contains("There is no run in this report"));
    run.tasks.resize(1);
    run.before.resize(1);
    run.after = {{0.5}};
    run.stages.resize(1);
    run.single_task.clear();
    CHECK(read(experiment::report(run).html()).problem == "");
}

TEST_CASE("scores that were not evaluated are a dash, not a colour") {
    auto run = sample::run("seq", 0, 0.5);
    run.after[0][2] = std::nan("");
    const std::string page = experiment::report(run).html();
    CHECK_THAT(page, Contains("<td class=\"none\">–</td>"));
    CHECK(read(page).problem == "");
    CHECK(page.find("nan") == std::string::npos);
}

TEST_CASE("the style sheet closes what it opens, so that no rule is swallowed") {
    const std::string css = experiment::detail::style_sheet();
    std::size_t depth = 0, media = 0;
    for (std::size_t at = 0; at < css.size(); ++at) {
        if (css[at] == '{') ++depth;
        if (css[at] == '}') {
            REQUIRE(depth > 0);
            --depth;
        }
        if (css.compare(at, 6, "@media") == 0) {
            CHECK(depth == 0);
            ++media;
        }
    }
    CHECK(depth == 0);
    CHECK(media == 3);  // dark, phone, print
}

TEST_CASE("tasks on different scales are shown on one, and the page says so") {
    auto run = sample::run("seq", 0, 0.5);
    run.tasks[1].scale = 100;
    const std::string page = experiment::report(run).html();
    CHECK(page.find("brought to 0 to 1") != std::string::npos);
    CHECK(sample::report().html().find("brought to 0 to 1") == std::string::npos);
}

TEST_CASE("on every step of the scale the ink contrasts with its ground at least 4 to 1, light and dark") {
    const std::string css = experiment::detail::style_sheet();
    std::size_t steps = 0;
    for (std::size_t at = css.find("--h"); at != std::string::npos; at = css.find("--h", at + 1)) {
        const std::size_t colon = css.find(':', at);
        if (colon > at + 6 || css[colon + 1] != '#') continue;
        const auto colour = [&](std::size_t hash) {
            experiment::detail::colour c{};
            for (std::size_t k = 0; k < 3; ++k) c[k] = std::stoi(css.substr(hash + 1 + 2 * k, 2), nullptr, 16);
            return c;
        };
        const auto ground = colour(colon + 1), ink = colour(css.find('#', css.find("--i", at)));
        const double a = experiment::detail::luminance(ground) + 0.05, b = experiment::detail::luminance(ink) + 0.05;
        CHECK(std::max(a, b) / std::min(a, b) >= 4.0);
        ++steps;
    }
    CHECK(steps == 2 * experiment::detail::scale_steps);
}
