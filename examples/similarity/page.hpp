#pragma once
// --format html: the tasks as a map, the distances as a heat map, who is nearest to whom, and how far the numbers may
// be trusted; in the style of the experiment's report. Nothing on the page is fetched from elsewhere.

#include <holdfast/core/config.hpp>
#include <holdfast/experiment/chart.hpp>
#include <holdfast/experiment/style.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include "map.hpp"
#include "outcome.hpp"

namespace similarity {

struct box {
    double x0, y0, x1, y1;

    [[nodiscard]] double overlap(const box& o) const {
        const double w = std::min(x1, o.x1) - std::max(x0, o.x0), h = std::min(y1, o.y1) - std::max(y0, o.y0);
        return w > 0 && h > 0 ? w * h : 0;
    }
};

/// Where the names go: beside their points, where they cover the least of points and of names that stand already.
/// A name that finds no free place is left to its number,
/// or, among many, to its title.
class map_drawing {
  public:
    explicit map_drawing(const outcome& o) : o_(o), plane_(scaled(o)), radius_(o.size() > 30 ? 4 : 8) {
        const auto [x0, x1] = std::minmax_element(plane_.x.begin(), plane_.x.end());
        const auto [y0, y1] = std::minmax_element(plane_.y.begin(), plane_.y.end());
        const double wide = std::max(*x1 - *x0, 1e-300), high = std::max(*y1 - *y0, 0.0);
        scale_ = (width - 2 * side) / wide;
        if (high * scale_ > most_high) scale_ = most_high / high;
        height_ = 2 * top + std::max(high * scale_, 40.0) + foot;
        for (std::size_t t = 0; t < o.size(); ++t) {
            at_.push_back({width / 2 + (plane_.x[t] - (*x0 + *x1) / 2) * scale_,
                           (height_ - foot) / 2 - (plane_.y[t] - (*y0 + *y1) / 2) * scale_});
            const auto [x, y] = at_.back();
            taken_.push_back({x - radius_, y - radius_, x + radius_, y + radius_});
        }
    }

    [[nodiscard]] const plane& found() const { return plane_; }

    [[nodiscard]] std::string svg() {
        std::string all = text::open_svg("map", width, height_, "Map of the tasks", described());
        for (std::size_t t = 0; t < o_.size(); ++t) all += name(t);
        for (std::size_t t = 0; t < o_.size(); ++t) {
            const auto [x, y] = at_[t];
            all += "<circle style=\"fill:var(--m0)\" cx=\"" + text::px(x) + "\" cy=\"" + text::px(y) + "\" r=\"" +
                   text::px(radius_) + "\"><title>" + text::escape(o_.names[t]) + "</title></circle>";
            if (radius_ > 5)  // a number fits in it
                all += "<text x=\"" + text::px(x) + "\" y=\"" + text::px(y + 3.5) +
                       "\" text-anchor=\"middle\" style=\"fill:var(--card);font-size:10px;font-weight:650\">" +
                       std::to_string(t + 1) + "</text>";
            all += "\n";
        }
        return all + ruler() + "</svg>\n";
    }

  private:
    static constexpr double width = 440, side = 36, top = 22, foot = 34, most_high = 400;

    [[nodiscard]] std::string described() const {
        std::string words;
        for (std::size_t t = 0; t < o_.size(); ++t)
            words += std::to_string(t + 1) + " " + o_.names[t] + (t + 1 < o_.size() ? ", " : "");
        return words;
    }

    std::string name(std::size_t t) {
        std::string words = o_.names[t];
        if (text::width(words) > 26) {  // the number has the whole of it, below
            std::size_t cut = 24;
            while (cut > 0 && (static_cast<unsigned char>(words[cut]) & 0xC0) == 0x80) --cut;
            words = words.substr(0, cut) + "…";
        }
        const double w = 6.8 * static_cast<double>(text::width(words)), h = 12;
        const auto [x, y] = at_[t];
        struct place {
            double x, y;
            const char* anchor;
        };
        const std::array<place, 4> places = {{{x + radius_ + 3, y + 4, "start"},
                                              {x - radius_ - 3, y + 4, "end"},
                                              {x, y - radius_ - 4, "middle"},
                                              {x, y + radius_ + 13, "middle"}}};
        for (const place& p : places) {
            const double left = p.anchor[0] == 's' ? p.x : p.anchor[0] == 'e' ? p.x - w : p.x - w / 2;
            const box b{left, p.y - h + 2, left + w, p.y + 2};
            if (b.x0 < 0 || b.x1 > width || b.y0 < 0 || b.y1 > height_ - foot) continue;
            if (std::any_of(taken_.begin(), taken_.end(), [&](const box& o) { return b.overlap(o) > 0; })) continue;
            taken_.push_back(b);
            return text::label(p.x, p.y, p.anchor, words, "tick strong") + "\n";
        }
        return {};
    }

    /// A round length of the metric, drawn to scale.
    [[nodiscard]] std::string ruler() const {
        const double wanted = 90 / scale_;
        if (!(wanted > 1e-200) || !(wanted < 1e200)) return {};
        const double power = std::pow(10.0, std::floor(std::log10(wanted)));
        const double length = (wanted / power >= 5 ? 5 : wanted / power >= 2 ? 2 : 1) * power, y = height_ - 12;
        const int decimals = std::clamp(-static_cast<int>(std::floor(std::log10(length) + 1e-9)), 0, 12);
        return "<line class=\"zero\" x1=\"10\" x2=\"" + text::px(10 + length * scale_) + "\" y1=\"" + text::px(y) +
               "\" y2=\"" + text::px(y) + "\"/>" +
               text::label(10, y - 6, "start", o_.metric_name() + " = " + text::fixed(length, decimals)) + "\n";
    }

    const outcome& o_;
    plane plane_;
    double radius_;  // of a point
    double scale_ = 1, height_ = 0;
    std::vector<std::array<double, 2>> at_ = {};
    std::vector<box> taken_ = {};
};

inline std::string open_section(const char* id, const char* title, const std::string& lead) {
    return std::string("<section aria-labelledby=\"") + id + "\">\n<h2 id=\"" + id + "\">" + title + "</h2>\n" +
           (lead.empty() ? "" : "<p class=\"lead\">" + text::escape(lead) + "</p>\n");
}

inline std::string open_scroll(const char* label) {
    return std::string("<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"") + label + "\">\n";
}

/// From the least distance between two tasks to the largest: what differs shows.
inline std::size_t step_of(double value, double least, double most) {
    const double share = most > least ? std::clamp((value - least) / (most - least), 0.0, 1.0) : 0.5;
    return static_cast<std::size_t>(std::lround(share * static_cast<double>(text::scale_steps - 1)));
}

/// A table of numbers while they can be read, a picture of colours beyond that.
inline std::string heat_map(const outcome& o) {
    const double least = o.least(), most = o.largest();
    const std::size_t n = o.size();
    std::string all = "<p class=\"scale\"><span>" + text::fixed(least, o.decimals(3)) +
                      "</span><span class=\"ramp\" aria-hidden=\"true\">";
    for (std::size_t k = 0; k < text::scale_steps; ++k)
        all += "<i style=\"background:var(--h" + std::to_string(k) + ")\"></i>";
    all += "</span><span>" + text::fixed(most, o.decimals(3)) + "</span></p>\n";
    if (n > 200) return all + "<p class=\"lead\">Too many tasks to draw; --format json has every number.</p>\n";
    if (n > 40) {
        const double cell = 600 / static_cast<double>(n);
        all += "<figure style=\"max-width:none\">\n" +
               text::open_svg("heat", 600, 600, "Distances between all tasks", "Row and column: tasks in order");
        for (std::size_t i = 0; i < n; ++i)
            for (std::size_t j = 0; j < n; ++j) {
                if (j == i) continue;
                const std::string step = std::to_string(step_of(o.table.value(i, j), least, most));
                all += "<rect style=\"fill:var(--h" + step + ")\" x=\"" + text::px(cell * static_cast<double>(j)) +
                       "\" y=\"" + text::px(cell * static_cast<double>(i)) + "\" width=\"" + text::px(cell) +
                       "\" height=\"" + text::px(cell) + "\"/>\n";
            }
        return all + "</svg>\n</figure>\n";
    }
    all += open_scroll("Distances") + "<table class=\"heat" + (n > 10 ? " many" : "") +
           "\" style=\"--tasks:" + std::to_string(n) + "\">\n<thead><tr><th scope=\"col\">task</th>";
    for (std::size_t j = 0; j < n; ++j)
        all +=
            "<th scope=\"col\"><b>" + std::to_string(j + 1) + "</b> <span>" + text::escape(o.names[j]) + "</span></th>";
    all += "</tr></thead>\n<tbody>\n";
    const int decimals = std::min(o.decimals(n > 10 ? 2 : 3), 4);
    for (std::size_t i = 0; i < n; ++i) {
        all += "<tr><th scope=\"row\"><b>" + std::to_string(i + 1) + "</b> " + text::escape(o.names[i]) + "</th>";
        for (std::size_t j = 0; j < n; ++j) {
            if (i == j) {
                all += "<td class=\"none\">0</td>";
                continue;
            }
            const auto w = o.table(i, j);
            const std::string step = std::to_string(step_of(w.value, least, most));
            all += "<td style=\"background:var(--h" + step + ");color:var(--i" + step + ")\" title=\"" +
                   text::escape(o.names[i] + " to " + o.names[j]) + ": " + text::fixed(w.lower, o.decimals(5)) +
                   " to " + text::fixed(w.upper, o.decimals(5)) + "\">" + text::fixed(w.value, decimals) + "</td>";
        }
        all += "</tr>\n";
    }
    return all + "</tbody>\n</table>\n</div>\n";
}

/// Each task: how many examples, its nearest and its farthest.
inline std::string neighbours(const outcome& o) {
    std::string all = open_scroll("Neighbours") +
                      "<table class=\"wrap\">\n<thead><tr><th scope=\"col\">task</th><th scope=\"col\">rows</th>"
                      "<th scope=\"col\">distinct</th><th scope=\"col\">nearest</th><th scope=\"col\">farthest</th>"
                      "</tr></thead>\n<tbody>\n";
    const auto named = [&](std::size_t i, std::size_t j) {
        return text::escape(o.names[j]) + " " + text::fixed(o.table.value(i, j), o.decimals(4));
    };
    for (std::size_t i = 0; i < o.size(); ++i) {
        std::size_t near = i == 0 ? 1 : 0, far = near;
        for (std::size_t j = 0; j < o.size(); ++j) {
            if (j == i) continue;
            if (o.table.value(i, j) < o.table.value(i, near)) near = j;
            if (o.table.value(i, j) > o.table.value(i, far)) far = j;
        }
        all += "<tr><th scope=\"row\"><b>" + std::to_string(i + 1) + "</b> " + text::escape(o.names[i]) + "</th><td>" +
               std::to_string(o.rows[i]) + "</td><td>" + std::to_string(o.points[i]) + "</td><td>" + named(i, near) +
               "</td><td>" + named(i, far) + "</td></tr>\n";
    }
    return all + "</tbody>\n</table>\n</div>\n";
}

inline std::string as_html(const outcome& o) {
    const std::string title = "How far apart the tasks are";
    std::string page =
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<meta name=\"color-scheme\" content=\"light dark\">\n<title>" +
        title + "</title>\n<style>\n" + text::style_sheet() +
        ".map{max-width:36rem}\n</style>\n</head>\n<body>\n<main>\n<header>\n<h1>" + title +
        "</h1>\n<p class=\"lead\">" + std::to_string(o.size()) +
        " tasks: what it costs to move the points of one onto those of another (Wasserstein, " + o.cost + " cost). " +
        text::escape(o.certificate()) + ".</p>\n</header>\n";
    map_drawing map(o);
    page += open_section("map-title", "Map",
                         "Near tasks stand near each other; place and direction mean nothing. Classical scaling of " +
                             o.metric_name() + ", which is a metric; the plane holds " +
                             text::fixed(100 * map.found().share, 0) + " % of it.") +
            "<figure class=\"map\">\n" + map.svg() + "</figure>\n</section>\n";
    page += open_section("distances", "Distances", "W between every two tasks; deeper is farther.") + heat_map(o) +
            "</section>\n";
    page += open_section("neighbours", "Neighbours", "The nearest and the farthest of each task.") + neighbours(o) +
            "</section>\n";
    page += open_section("how", "How it was measured", "") + "<dl>\n<dt>points</dt><dd>" + text::escape(o.source) +
            "</dd>\n<dt>cost</dt><dd>" + o.cost + "</dd>\n<dt>solver</dt><dd>" + text::escape(o.solver) +
            (o.engine == "auto" ? "" : ", engine " + o.engine) + "</dd>\n<dt>accuracy asked for</dt><dd>" +
            (o.relative_gap > 0 ? "bounds within " + text::fixed(100 * o.relative_gap, 2) + " %" : "exact") +
            "</dd>\n<dt>time</dt><dd>" + text::duration(o.seconds) + ", " + std::to_string(o.table.remembered) +
            " pairs from the cache</dd>\n</dl>\n</section>\n";
    return page + "</main>\n<footer>Made by holdfast " HOLDFAST_VERSION
                  ". Nothing on this page is fetched from anywhere.</footer>\n</body>\n</html>\n";
}

}  // namespace similarity
