#pragma once
// How the report's page looks: its style sheet, with the colours computed. The scale runs pale to deep in the light and
// deep to pale in the dark, its lightness always in one direction, so that it reads without colour; the ink on each
// step is the one that contrasts more. Builds on text.hpp; the page itself is report_html.hpp.

#include <holdfast/experiment/text.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <string>

namespace holdfast::experiment::detail {

using colour = std::array<double, 3>;  ///< red, green, blue, 0..255

inline std::string hex(const colour& c) {
    std::string text = "#";
    for (const double x : c) {
        const auto v = static_cast<std::size_t>(std::lround(x));
        text += "0123456789abcdef"[v / 16];
        text += "0123456789abcdef"[v % 16];
    }
    return text;
}

/// Relative luminance (WCAG 2).
inline double luminance(const colour& c) {
    const auto linear = [](double x) {
        return x <= 0.04045 * 255 ? x / 255 / 12.92 : std::pow((x / 255 + 0.055) / 1.055, 2.4);
    };
    return 0.2126 * linear(c[0]) + 0.7152 * linear(c[1]) + 0.0722 * linear(c[2]);
}

/// "--h0:..;--i0:.." for every step: the ground, and the ink that reads best on it.
inline std::string scale_variables(const std::array<colour, 6>& stops, std::size_t steps) {
    std::string text;
    for (std::size_t k = 0; k < steps; ++k) {
        const double at = static_cast<double>(k) / static_cast<double>(steps - 1) * 5;
        const auto i = std::min<std::size_t>(static_cast<std::size_t>(at), 4);
        colour c{};
        for (std::size_t d = 0; d < 3; ++d)
            c[d] = stops[i][d] + (at - static_cast<double>(i)) * (stops[i + 1][d] - stops[i][d]);
        const double l = luminance(c);
        const bool dark_ink = (l + 0.05) / (0.0056 + 0.05) >= 1.05 / (l + 0.05);  // #0b1a20 against white
        const std::string n = std::to_string(k);
        text += "--h" + n + ":" + hex(c) + ";--i" + n + ":" + (dark_ink ? "#0b1a20" : "#ffffff") + ";";
    }
    return text;
}

inline std::string style_sheet() {
    const std::array<colour, 6> light = {
        {{246, 248, 242}, {212, 232, 218}, {142, 201, 186}, {66, 153, 153}, {26, 102, 121}, {12, 54, 84}}};
    const std::array<colour, 6> dark = {
        {{26, 38, 47}, {24, 62, 80}, {28, 98, 112}, {56, 145, 142}, {132, 200, 170}, {234, 244, 202}}};
    return ":root{--page:#fbfcfa;--card:#ffffff;--ink:#14242b;--faint:#5a6b72;--line:#dfe6e3;--grid:#e7ecea;--zero:#"
           "8a989d;"
           "--m0:#0067a8;--m1:#c44f00;--m2:#007f5f;--m3:#a8447e;--m4:#8a6d00;--m5:#4a5a78;" +
           scale_variables(light, 21) +
           "}\n"
           "@media screen and "
           "(prefers-color-scheme:dark){:root{--page:#0f171c;--card:#151f26;--ink:#e4ecec;--faint:#9db0b5;"
           "--line:#2a3942;--grid:#22303a;--zero:#70858d;"
           "--m0:#5ab4f0;--m1:#ff8a3d;--m2:#3fc79a;--m3:#e58bbd;--m4:#e0b93b;--m5:#a9b8d4;" +
           scale_variables(dark, 21) +
           "}}\n"
           R"css(*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main{max-width:70rem;margin:0 auto;padding:clamp(1rem,4vw,2.5rem) clamp(.75rem,3vw,2rem) 0}
footer{max-width:70rem;margin:0 auto;padding:1.5rem clamp(.75rem,3vw,2rem) 2.5rem;color:var(--faint);font-size:.85rem}
h1{font-size:clamp(1.6rem,1.2rem + 2vw,2.3rem);line-height:1.15;letter-spacing:-.02em;margin:0 0 .4rem;overflow-wrap:anywhere}
h2{font-size:1.25rem;letter-spacing:-.01em;margin:0 0 .25rem}
.lead{color:var(--faint);margin:0 0 1rem;max-width:46rem}
header{margin-bottom:1.5rem}
section{background:var(--card);border:1px solid var(--line);border-radius:.75rem;padding:clamp(.9rem,2.5vw,1.5rem);margin:0 0 1.25rem}
.stream{list-style:none;display:flex;flex-wrap:wrap;gap:.4rem;margin:0;padding:0;font-size:.85rem}
.stream li{border:1px solid var(--line);background:var(--card);border-radius:1rem;padding:.1rem .7rem;overflow-wrap:anywhere}
.stream b,th b{color:var(--faint);font-weight:600;margin-right:.15rem}
.scroll{overflow-x:auto;margin:0 0 1rem;border-radius:.4rem}
.scroll:focus-visible{outline:2px solid var(--m0);outline-offset:2px}
section>:last-child,details>:last-child{margin-bottom:0}
table{border-collapse:separate;border-spacing:0;font-variant-numeric:tabular-nums;font-size:.9rem;min-width:100%}
caption{text-align:left;font-weight:650;padding:.2rem 0 .35rem}
th,td{padding:.4rem .6rem;text-align:right;vertical-align:top;border-bottom:1px solid var(--line);white-space:nowrap}
thead th{color:var(--faint);font-weight:600;vertical-align:bottom}
th:first-child{text-align:left;position:sticky;left:0;background:var(--card)}
tbody th{font-weight:600}
.wrap th,.wrap td{padding:.4rem}
.wrap tbody th{white-space:normal;min-width:6rem}
tbody tr:last-child>*{border-bottom:0}
abbr{text-decoration:underline dotted var(--zero);text-underline-offset:.2em;cursor:help}
.interval{display:block;color:var(--faint);font-size:.78rem;line-height:1.2}
.absent{color:var(--faint)}
.heat{--name:9.5rem;--cell:3.4rem;border-spacing:2px;font-size:.82rem;table-layout:fixed;width:100%;min-width:calc(var(--name) + var(--tasks)*(var(--cell) + 2px))}
.heat th,.heat td{border-bottom:0}
.heat td{text-align:center;vertical-align:middle;padding:.45rem .15rem;border-radius:.25rem}
.heat thead th{text-align:center;font-size:.75rem;line-height:1.2;padding:.2rem .1rem;width:var(--cell);white-space:normal;hyphens:auto;overflow-wrap:anywhere}
.heat thead th:first-child{text-align:left;width:var(--name)}
.heat thead b{display:block;margin:0}
.many{--cell:2.95rem}
.many thead th+th span{writing-mode:vertical-rl;transform:rotate(180deg);display:inline-block;max-height:8.5rem;overflow:hidden;text-overflow:ellipsis;white-space:nowrap;text-align:left}
.heat tbody th{font-weight:500;vertical-align:middle;padding:.45rem .5rem .45rem 0;overflow:hidden;text-overflow:ellipsis;overflow-wrap:anywhere}
.heat .learnt{outline:2px solid var(--ink);outline-offset:-2px;font-weight:700}
.heat .ahead{font-style:italic}
.heat .none{color:var(--faint);background:transparent}
.heat .before>*{color:var(--faint)}
.scale{display:flex;align-items:center;gap:.5rem;color:var(--faint);font-size:.8rem;margin:0 0 .75rem}
.ramp{display:flex;border-radius:.25rem;overflow:hidden}
.ramp i{width:.55rem;height:.7rem}
.settings thead th{text-align:left}
.settings td{text-align:left;white-space:normal;overflow-wrap:anywhere}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,24rem),1fr));gap:1rem 2rem;align-items:start}
.charts>*{min-width:0}
figure{margin:0 0 1rem;max-width:34rem}
figcaption{font-size:.9rem;margin:0 0 .3rem}
figure svg{display:block;width:100%;height:auto}
svg text{font-family:inherit;fill:var(--ink);font-variant-numeric:tabular-nums}
.tick{font-size:12px;fill:var(--faint)}
.strong{font-weight:650;fill:var(--ink)}
.grid{stroke:var(--grid);stroke-width:1}
.zero{stroke:var(--zero);stroke-width:1.2}
.curve{fill:none;stroke-width:2.2;stroke-linejoin:round;stroke-linecap:round}
.band{opacity:.13}
.whisker{stroke:var(--ink);stroke-width:1.4}
.segment{stroke:var(--card);stroke-width:1}
.unplaced{fill:none;stroke:var(--zero);stroke-dasharray:3 3}
.hatch{stroke:var(--zero);stroke-width:3}
.hatch-ground{fill:var(--grid)}
svg .in-bar{font-size:11px;font-weight:600}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:.3rem 1.2rem;margin:0 0 .6rem;padding:0;font-size:.9rem}
.swatch{width:1.9rem;height:.75rem;vertical-align:-.05rem;overflow:visible}
details{margin:0}
summary{cursor:pointer;color:var(--faint);font-size:.9rem;padding:.2rem 0}
dl{margin:.4rem 0 0;font-size:.9rem}
dt{font-weight:600}
dd{margin:0 0 .5rem;overflow-wrap:anywhere}
@media (max-width:40rem){th,td{padding:.35rem .45rem}.heat{--name:6rem;--cell:2.6rem;font-size:.75rem;letter-spacing:-.02em}.heat tbody th{white-space:normal;line-height:1.2;padding:.3rem .3rem .3rem 0}
.heat thead th+th span{writing-mode:vertical-rl;transform:rotate(180deg);display:inline-block;max-height:8.5rem;overflow:hidden;text-overflow:ellipsis;white-space:nowrap;text-align:left}}
@media print{*{-webkit-print-color-adjust:exact;print-color-adjust:exact}body{font-size:10pt;background:#fff}main,footer{max-width:none;padding:0}
section{border:0;padding:0;margin:0 0 1.2rem}.scroll{overflow:visible}table,figure{break-inside:avoid}h2,.lead{break-after:avoid}
th:first-child{position:static}table{font-size:8pt}.charts{grid-template-columns:1fr 1fr}
.heat,.many{--name:6.5rem;--cell:auto;font-size:7pt;min-width:0}.heat thead th{font-size:6.5pt}.heat td{padding:.2rem 0}.heat tbody th{white-space:normal;padding:.2rem .2rem .2rem 0}details:not([open])>summary{display:none}}
)css";
}

}  // namespace holdfast::experiment::detail
