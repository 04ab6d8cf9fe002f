#include "bench/plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

namespace urc::bench {

namespace {

constexpr double kWidth = 760, kHeight = 340;  // of a panel
constexpr double kLeft = 70, kRight = 170, kTop = 36, kBottom = 44;

// Told apart by people who see fewer colours, too.
constexpr std::array<std::string_view, 8> kColours{"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                                   "#e69f00", "#56b4e9", "#000000", "#999999"};

std::string_view colour(std::size_t row) {
    return kColours[row % kColours.size()];
}

std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '<')
            out += "&lt;";
        else if (c == '&')
            out += "&amp;";
        else
            out += c;
    }
    return out;
}

struct Point {
    double x, y;
};

// From what was measured to the places in the picture. Logarithmic where `is_log`.
struct Axis {
    double low, high, from, to;
    bool is_log = false;

    double at(double value) const {
        const double share =
            is_log ? std::log(value / low) / std::log(high / low) : (value - low) / (high - low);
        return from + share * (to - from);
    }
    // 1, 2 and 5 times the powers of ten in between.
    std::vector<double> ticks() const {
        std::vector<double> all;
        const double span = is_log ? high : high - low;
        for (double power = std::pow(10, std::floor(std::log10(is_log ? low : span / 10))); power <= span;
             power *= 10)
            for (const double step : {1.0, 2.0, 5.0})
                if (const double tick = power * step; tick >= low && tick <= high) all.push_back(tick);
        if (is_log || all.size() <= 7) return all;
        // Even ones.
        const double step = all[all.size() - 1] / 5;
        all.clear();
        for (double tick = step; tick <= high; tick += step) all.push_back(tick);
        return all;
    }
};

class Panel {
public:
    Panel(double top, std::string_view title) : top_(top) {
        text(kLeft, kTop - 14, title, "font-weight=\"bold\"");
    }

    Axis x_axis(double low, double high, bool is_log) const {
        return {low, std::max(high, low * 1.01 + 1e-9), kLeft, kWidth - kRight, is_log};
    }
    Axis y_axis(double high) const { return {0, high > 0 ? high : 1, kHeight - kBottom, kTop}; }

    void draw(const Axis& x, std::string_view x_name, const Axis& y, std::string_view y_name) {
        for (const double tick : x.ticks()) {
            line({x.at(tick), y.from}, {x.at(tick), y.to}, "#dddddd", 1);
            text(x.at(tick), y.from + 16, fmt::format("{:g}", tick), "text-anchor=\"middle\"");
        }
        for (const double tick : y.ticks()) {
            line({x.from, y.at(tick)}, {x.to, y.at(tick)}, "#dddddd", 1);
            text(x.from - 6, y.at(tick) + 4, fmt::format("{:g}", tick), "text-anchor=\"end\"");
        }
        line({x.from, y.from}, {x.to, y.from}, "#000000", 1);
        line({x.from, y.from}, {x.from, y.to}, "#000000", 1);
        text((x.from + x.to) / 2, y.from + 34, x_name, "text-anchor=\"middle\"");
        text(x.from, y.to - 6, y_name, "");
    }
    void curve(const std::vector<Point>& points, std::size_t row) {
        out_ +=
            fmt::format("<polyline fill=\"none\" stroke-width=\"1.8\" stroke=\"{}\" points=\"", colour(row));
        for (const Point& point : points) out_ += fmt::format("{:.1f},{:.1f} ", point.x, top_ + point.y);
        out_ += "\"/>\n";
    }
    void legend(std::size_t row, std::string_view name) {
        const double y = kTop + 18 * static_cast<double>(row);
        line({kWidth - kRight + 14, y}, {kWidth - kRight + 34, y}, colour(row), 3);
        text(kWidth - kRight + 40, y + 4, name, "");
    }
    void bar(double y, double width, double height, std::size_t row) {
        out_ +=
            fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" fill=\"{}\"/>\n",
                        kLeft, top_ + y, std::max(0.0, width), height, colour(row));
    }
    void line(Point a, Point b, std::string_view stroke, double width) {
        out_ += fmt::format(
            "<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"{}\" "
            "stroke-width=\"{}\"/>\n",
            a.x, top_ + a.y, b.x, top_ + b.y, stroke, width);
    }
    void text(double x, double y, std::string_view words, std::string_view attributes) {
        out_ += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" {}>{}</text>\n", x, top_ + y, attributes,
                            escaped(words));
    }
    std::string take() { return std::move(out_); }

private:
    double top_;
    std::string out_;
};

void draw_latencies(Panel& panel, const Report& report) {
    double low = 0, high = 0;
    for (const Row& row : report.rows) {
        if (row.start.empty()) continue;
        const double least = static_cast<double>(row.start.min()) / 1000;
        low = low == 0 ? least : std::min(low, least);
        high = std::max(high, static_cast<double>(row.start.max()) / 1000);
    }
    if (high <= 0) return;
    const Axis x = panel.x_axis(std::max(low, 0.001), high, true), y = panel.y_axis(100);
    panel.draw(x, "microseconds", y, fmt::format("% of the {}s took no longer", report.measure));
    for (std::size_t i = 0; i < report.rows.size(); ++i) {
        std::vector<Point> points;
        const auto& sorted = report.rows[i].start.sorted();
        for (std::size_t k = 0; k < sorted.size(); ++k)
            points.push_back({x.at(std::max(static_cast<double>(sorted[k]) / 1000, x.low)),
                              y.at(100.0 * static_cast<double>(k + 1) / static_cast<double>(sorted.size()))});
        panel.curve(points, i);
        panel.legend(i, report.rows[i].name);
    }
}

void draw_throughput(Panel& panel, const Report& report) {
    double most = 0, in_flight = 1;
    for (const Row& row : report.rows)
        for (const Throughput& column : row.throughput) {
            most = std::max(most, column.median());
            in_flight = std::max<double>(in_flight, column.in_flight);
        }
    const Axis x = panel.x_axis(1, in_flight, true), y = panel.y_axis(most);
    panel.draw(x, "in flight", y, "containers per second");
    for (std::size_t i = 0; i < report.rows.size(); ++i) {
        std::vector<Point> points;
        for (const Throughput& column : report.rows[i].throughput)
            points.push_back({x.at(column.in_flight), y.at(column.median())});
        panel.curve(points, i);
        panel.legend(i, report.rows[i].name);
    }
}

void draw_figures(Panel& panel, const Report& report) {
    double most = 0;
    for (const Row& row : report.rows)
        if (!row.figures.empty())
            for (const double value : row.figures.front().values) most = std::max(most, value);
    const Axis x{0, most > 0 ? most : 1, kLeft, kWidth - kRight}, y = panel.y_axis(0);
    panel.draw(x, report.rows.front().figures.front().name, Axis{0, 0.5, y.from, y.to}, "");
    const double height = (kHeight - kTop - kBottom) / static_cast<double>(report.rows.size());
    for (std::size_t i = 0; i < report.rows.size(); ++i) {
        panel.legend(i, report.rows[i].name);
        if (report.rows[i].figures.empty() || report.rows[i].figures.front().values.empty()) continue;
        const Figure& figure = report.rows[i].figures.front();
        const auto [least, greatest] = std::minmax_element(figure.values.begin(), figure.values.end());
        const double top = kTop + height * static_cast<double>(i);
        panel.bar(top + height * 0.2, x.at(figure.median()) - x.from, height * 0.6, i);
        panel.line({x.at(*least), top + height / 2}, {x.at(*greatest), top + height / 2}, "#444444", 2);
    }
}

}  // namespace

std::string to_svg(const std::vector<Report>& reports) {
    const double height = kHeight * static_cast<double>(reports.size());
    std::string out = fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:.0f}\" height=\"{1:.0f}\" viewBox=\"0 0 "
        "{0:.0f} {1:.0f}\" "
        "font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" "
        "fill=\"white\"/>\n",
        kWidth, height);
    for (std::size_t i = 0; i < reports.size(); ++i) {
        const Report& report = reports[i];
        Panel panel(kHeight * static_cast<double>(i),
                    fmt::format("{}: {}, {} CPUs, {}", report.subcommand, report.machine.cpu,
                                report.machine.cpus, report.machine.time.substr(0, 10)));
        if (!report.rows.empty() && !report.rows.front().figures.empty())
            draw_figures(panel, report);
        else if (!report.rows.empty() && !report.rows.front().throughput.empty())
            draw_throughput(panel, report);
        else
            draw_latencies(panel, report);
        out += panel.take();
    }
    return out + "</svg>\n";
}

}  // namespace urc::bench
