#pragma once
// The pictures of the report as inline SVG: lines by stage, bars left and right of zero, stacked bars. Each carries a
// title and a description for those who hear it, and takes its colours from the page's variables (--m0.. methods,
// --h0.. the scale, --ink, --faint, --line), so that light, dark and print are the page's affair.
// Builds on text.hpp and summary.hpp (estimate); knows nothing of runs.

#include <holdfast/experiment/summary.hpp>
#include <holdfast/experiment/text.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::experiment::detail {

inline constexpr std::size_t method_colours = 6;  ///< --m0 .. --m5 of the page
inline constexpr std::size_t scale_steps = 21;    ///< --h0 .. --h20

/// A coordinate: one decimal is a tenth of a pixel.
inline std::string px(double x) { return fixed(x, 1); }

/// A number that is text already, with the minus sign of print, not the hyphen.
inline std::string with_minus(std::string number) {
    if (number.starts_with('-')) number.replace(0, 1, "−");
    return number;
}
inline std::string shown(double x, int decimals) { return with_minus(fixed(x, decimals, "–")); }

/// A signed number: +0.012, −0.140.
inline std::string signed_number(double x, int decimals) {
    const std::string text = shown(x, decimals);
    return x > 0 && text.find_first_not_of("0.") != std::string::npos ? "+" + text : text;
}

/// The method's sign at a point: colour and shape both differ, so that either alone is enough.
inline std::string marker(std::size_t method, double x, double y, double r = 4) {
    const std::string colour = "style=\"fill:var(--m" + std::to_string(method % method_colours) + ")\"";
    const auto polygon = [&](std::initializer_list<std::array<double, 2>> points) {
        std::string p = "<polygon " + colour + " points=\"";
        for (const auto& [dx, dy] : points) p += px(x + dx * r) + "," + px(y + dy * r) + " ";
        p.back() = '"';
        return p + "/>";
    };
    switch (method % method_colours) {
        case 0:
            return "<circle " + colour + " cx=\"" + px(x) + "\" cy=\"" + px(y) + "\" r=\"" + px(r) + "\"/>";
        case 1:
            return polygon({{-0.9, -0.9}, {0.9, -0.9}, {0.9, 0.9}, {-0.9, 0.9}});
        case 2:
            return polygon({{0, -1.2}, {1.1, 0.9}, {-1.1, 0.9}});
        case 3:
            return polygon({{0, -1.3}, {1.3, 0}, {0, 1.3}, {-1.3, 0}});
        case 4:
            return polygon({{0, 1.2}, {1.1, -0.9}, {-1.1, -0.9}});
        default:
            return polygon({{-0.4, -1.2},
                            {0.4, -1.2},
                            {0.4, -0.4},
                            {1.2, -0.4},
                            {1.2, 0.4},
                            {0.4, 0.4},
                            {0.4, 1.2},
                            {-0.4, 1.2},
                            {-0.4, 0.4},
                            {-1.2, 0.4},
                            {-1.2, -0.4},
                            {-0.4, -0.4}});
    }
}

inline std::string dashes(std::size_t method) {
    constexpr std::array<const char*, method_colours> pattern = {"", "6 3", "2 3", "9 3 2 3", "12 4", "4 2 1 2"};
    const char* p = pattern[method % method_colours];
    return *p ? std::string(" stroke-dasharray=\"") + p + "\"" : std::string{};
}

inline std::string label(double x, double y, std::string_view anchor, std::string_view text,
                         std::string_view classes = "tick") {
    return "<text class=\"" + std::string(classes) + "\" x=\"" + px(x) + "\" y=\"" + px(y) + "\" text-anchor=\"" +
           std::string(anchor) + "\">" + escape(text) + "</text>";
}

inline std::string open_svg(std::string_view id, double width, double height, std::string_view title,
                            std::string_view description) {
    const std::string i(id);
    return "<svg viewBox=\"0 0 " + px(width) + " " + px(height) + "\" role=\"img\" aria-labelledby=\"" + i + "-t " + i +
           "-d\"><title id=\"" + i + "-t\">" + escape(title) + "</title><desc id=\"" + i + "-d\">" +
           escape(description) + "</desc>\n";
}

/// About four round numbers that cover [low, high].
struct axis {
    double low = 0, high = 1, step = 0.25;
    int decimals = 2;

    axis(double from, double to) {
        if (!(to > from)) to = from + 1;
        const double raw = (to - from) / 4, power = std::pow(10.0, std::floor(std::log10(raw)));
        for (const double part : {1.0, 2.0, 2.5, 5.0, 10.0}) {
            step = part * power;
            if (raw <= step * (1 + 1e-9)) break;
        }
        low = std::floor(from / step + 1e-9) * step;
        high = std::ceil(to / step - 1e-9) * step;
        decimals = 0;
        for (double x = step; decimals < 6 && std::abs(x - std::round(x)) > 1e-6; x *= 10) ++decimals;
    }
    [[nodiscard]] std::size_t ticks() const { return static_cast<std::size_t>(std::llround((high - low) / step)) + 1; }
    [[nodiscard]] double tick(std::size_t i) const { return low + static_cast<double>(i) * step; }
};

struct series {
    std::string name = {};
    std::vector<estimate> points = {};  ///< one per stage; absent ones leave a gap
};

/// The ends of an interval, no further out than a score (or a difference of two) can be; the value where there is none.
inline double lower_end(const estimate& e, bool difference) {
    return e.has_interval() ? std::max(e.lower, std::min(e.value, difference ? -e.scale : 0.0)) : e.value;
}
inline double upper_end(const estimate& e) {
    return e.has_interval() ? std::min(e.upper, std::max(e.value, e.scale)) : e.value;
}

/// Lines over stages 1..T, with the interval over seeds as a band (cut where no score can be).
inline std::string line_chart(std::string_view id, std::string_view title, std::span<const series> lines,
                              bool zero_line) {
    const double width = 420, height = 270, left = 46, right = 14, top = 12, bottom = 34;
    double low = 0, high = 0;
    bool any = false;
    std::size_t stages = 0;
    std::string description;
    for (const auto& l : lines) {
        stages = std::max(stages, l.points.size());
        description += l.name + ":";
        for (const auto& p : l.points) {
            description += " " + fixed(p.value, p.scale >= 100 ? 1 : 3);
            if (!p.present()) continue;
            for (const double y : {p.value, lower_end(p, zero_line), upper_end(p)}) {
                low = any ? std::min(low, y) : y;
                high = any ? std::max(high, y) : y;
                any = true;
            }
        }
        description += ". ";
    }
    if (zero_line || low > 0) low = std::min(low, 0.0);
    if (zero_line) high = std::max(high, 0.0);
    const axis y_axis(low, high);
    const auto x_of = [&](std::size_t i) {
        return left +
               (stages < 2 ? 0.5 : static_cast<double>(i) / static_cast<double>(stages - 1)) * (width - left - right);
    };
    const auto y_of = [&](double y) {
        return top + (y_axis.high - y) / (y_axis.high - y_axis.low) * (height - top - bottom);
    };
    std::string svg = open_svg(id, width, height, title, description);
    for (std::size_t k = 0; k < y_axis.ticks(); ++k) {
        const double y = y_axis.tick(k);
        const bool zero = std::abs(y) < y_axis.step / 2;
        svg += "<line class=\"" + std::string(zero ? "zero" : "grid") + "\" x1=\"" + px(left) + "\" x2=\"" +
               px(width - right) + "\" y1=\"" + px(y_of(y)) + "\" y2=\"" + px(y_of(y)) + "\"/>" +
               label(left - 7, y_of(y) + 4, "end", shown(y, y_axis.decimals)) + "\n";
    }
    const std::size_t every = stages > 12 ? 2 : 1;
    for (std::size_t i = 0; i < stages; i += every)
        svg += label(x_of(i), height - bottom + 17, "middle", std::to_string(i + 1));
    svg += label((left + width - right) / 2, height - 3, "middle", "tasks learnt", "tick axis");
    for (std::size_t m = 0; m < lines.size(); ++m) {
        const auto& points = lines[m].points;
        const std::string colour = "var(--m" + std::to_string(m % method_colours) + ")";
        std::string upper, lower, path;
        bool pen = false;
        for (std::size_t i = 0; i < points.size(); ++i) {
            if (!points[i].present()) {
                pen = false;
                continue;
            }
            path += (pen ? "L" : "M") + px(x_of(i)) + " " + px(y_of(points[i].value));
            pen = true;
            if (!points[i].has_interval()) continue;
            upper += px(x_of(i)) + "," + px(y_of(upper_end(points[i]))) + " ";
            lower.insert(0, px(x_of(i)) + "," + px(y_of(lower_end(points[i], zero_line))) + " ");
        }
        if (!upper.empty())
            svg += "<polygon class=\"band\" style=\"fill:" + colour + "\" points=\"" + upper +
                   lower.substr(0, lower.size() - 1) + "\"/>\n";
        svg += "<path class=\"curve\" style=\"stroke:" + colour + "\"" + dashes(m) + " d=\"" + path + "\"/>";
        for (std::size_t i = 0; i < points.size(); ++i)
            if (points[i].present()) svg += marker(m, x_of(i), y_of(points[i].value));
        svg += "\n";
    }
    return svg + "</svg>\n";
}

struct bar_group {
    std::string name = {};
    std::vector<estimate> bars = {};  ///< one per method; absent ones are left out
};

/// Bars left and right of zero, with the interval over seeds as a whisker: a group of methods per row.
inline std::string delta_chart(std::string_view id, std::string_view title, std::span<const bar_group> groups,
                               std::span<const std::string> methods) {
    const double width = 420, left = 104, right = 62, row = 22, head = 24;
    double reach = 0;
    std::size_t bars = 0;
    std::string description;
    for (const auto& g : groups)
        for (std::size_t m = 0; m < g.bars.size(); ++m) {
            const auto& b = g.bars[m];
            if (!b.present()) continue;
            ++bars;
            reach = std::max({reach, std::abs(b.value), b.has_interval() ? std::abs(b.lower) : 0.0,
                              b.has_interval() ? std::abs(b.upper) : 0.0});
            description += g.name + ", " + methods[m] + ": " + fixed(b.value, b.scale >= 100 ? 1 : 3) + ". ";
        }
    if (reach == 0) reach = 1;
    const double height = head * static_cast<double>(groups.size()) + row * static_cast<double>(bars) + 8;
    const double zero = (left + width - right) / 2, unit = (width - right - left) / 2 / reach;
    std::string svg = open_svg(id, width, height, title, description);
    double y = 0;
    for (const auto& g : groups) {
        svg += label(0, y + 16, "start", g.name, "tick strong") + "\n";
        y += head;
        const double from = y;
        for (std::size_t m = 0; m < g.bars.size(); ++m) {
            const auto& b = g.bars[m];
            if (!b.present()) continue;
            const double x = std::min(zero, zero + b.value * unit), w = std::abs(b.value) * unit;
            svg += marker(m, 8, y + row / 2) + label(18, y + row / 2 + 4, "start", methods[m]) +
                   "<rect style=\"fill:var(--m" + std::to_string(m % method_colours) + ")\" x=\"" + px(x) + "\" y=\"" +
                   px(y + 4) + "\" width=\"" + px(std::max(w, 0.8)) + "\" height=\"" + px(row - 8) + "\" rx=\"2\"/>";
            if (b.has_interval()) {
                const std::string middle = px(y + row / 2);
                svg += "<line class=\"whisker\" x1=\"" + px(zero + b.lower * unit) + "\" x2=\"" +
                       px(zero + b.upper * unit) + "\" y1=\"" + middle + "\" y2=\"" + middle + "\"/>";
            }
            svg += label(width - 2, y + row / 2 + 4, "end", signed_number(b.value, b.scale >= 100 ? 1 : 3)) + "\n";
            y += row;
        }
        svg += "<line class=\"zero\" x1=\"" + px(zero) + "\" x2=\"" + px(zero) + "\" y1=\"" + px(from) + "\" y2=\"" +
               px(y) + "\"/>\n";
    }
    return svg + "</svg>\n";
}

/// The step of the scale that stands for task j of T; never the palest, which would vanish on the page.
inline std::size_t step_of_task(std::size_t j, std::size_t tasks) {
    return tasks < 2 ? 12 : 4 + j * (scale_steps - 5) / (tasks - 1);
}

/// What was replayed at each stage: a column per stage, in it a segment per earlier task that bears its number, then
/// general data ("G", hatched) and what found no place (dashed).
inline std::string replay_chart(std::string_view id, std::string_view title, const method_summary& s) {
    const double width = 420, height = 250, left = 46, right = 10, top = 12, bottom = 34;
    const std::size_t stages = s.replayed.size();
    double most = 0;
    std::string description;
    for (std::size_t i = 0; i < stages; ++i) {
        double sum = s.general[i] + s.unplaced[i];
        std::string parts;
        const auto part = [&](const std::string& name, double n) {
            if (n > 0) parts += (parts.empty() ? "" : ", ") + name + " " + fixed(n, 0);
        };
        for (std::size_t j = 0; j < i; ++j) {
            sum += s.replayed[i][j];
            part("task " + std::to_string(j + 1), s.replayed[i][j]);
        }
        part("general", s.general[i]);
        part("without a place", s.unplaced[i]);
        description += "Stage " + std::to_string(i + 1) + ": " + (parts.empty() ? "nothing" : parts) + ". ";
        most = std::max(most, sum);
    }
    const axis y_axis(0, most > 0 ? most : 1);
    const double slot = (width - left - right) / static_cast<double>(std::max<std::size_t>(stages, 1));
    const auto y_of = [&](double y) { return top + (1 - y / y_axis.high) * (height - top - bottom); };
    std::string svg = open_svg(id, width, height, title, description);
    svg += "<defs><pattern id=\"" + std::string(id) +
           "-p\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\"><rect "
           "width=\"6\" "
           "height=\"6\" class=\"hatch-ground\"/><line x1=\"0\" y1=\"0\" x2=\"0\" y2=\"6\" "
           "class=\"hatch\"/></pattern></defs>\n";
    for (std::size_t k = 0; k < y_axis.ticks(); ++k) {
        const double y = y_axis.tick(k);
        svg += "<line class=\"" + std::string(k == 0 ? "zero" : "grid") + "\" x1=\"" + px(left) + "\" x2=\"" +
               px(width - right) + "\" y1=\"" + px(y_of(y)) + "\" y2=\"" + px(y_of(y)) + "\"/>" +
               label(left - 7, y_of(y) + 4, "end", shown(y, y_axis.decimals)) + "\n";
    }
    for (std::size_t i = 0; i < stages; ++i) {
        const double x = left + slot * static_cast<double>(i) + slot * 0.14, w = slot * 0.72;
        double filled = 0;
        const auto segment = [&](double amount, const std::string& paint, const std::string& text,
                                 const std::string& ink) {
            if (!(amount > 0)) return;
            const double y = y_of(filled + amount), h = y_of(filled) - y;
            svg += "<rect " + paint + " x=\"" + px(x) + "\" y=\"" + px(y) + "\" width=\"" + px(w) + "\" height=\"" +
                   px(h) + "\"/>";
            if (h >= 12 && w >= 12 && !text.empty())
                svg += "<text class=\"in-bar\"" + ink + " x=\"" + px(x + w / 2) + "\" y=\"" + px(y + h / 2 + 4) +
                       "\" text-anchor=\"middle\">" + text + "</text>";
            filled += amount;
        };
        for (std::size_t j = 0; j < i; ++j) {
            const std::string step = std::to_string(step_of_task(j, stages));
            segment(s.replayed[i][j], "class=\"segment\" style=\"fill:var(--h" + step + ")\"", std::to_string(j + 1),
                    " style=\"fill:var(--i" + step + ")\"");
        }
        segment(s.general[i], "class=\"segment\" style=\"fill:url(#" + std::string(id) + "-p)\"", "G", "");
        segment(s.unplaced[i], "class=\"unplaced\"", "", "");
        if (stages <= 12 || i % 2 == 0)
            svg += label(x + w / 2, height - bottom + 17, "middle", std::to_string(i + 1)) + "\n";
    }
    svg += label((left + width - right) / 2, height - 3, "middle", "task being learnt", "tick axis");
    return svg + "</svg>\n";
}

}  // namespace holdfast::experiment::detail
