#include "bench/report.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>

#include "uring/file.h"

namespace urc::bench {

namespace {

double us(std::uint64_t ns) {
    return static_cast<double>(ns) / 1000;
}

const Row* find_base(const Report& report) {
    for (const Row& row : report.rows)
        if (row.name == report.base) return &row;
    return nullptr;
}

std::string in_quotes(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\')
            out += fmt::format("\\{}", c);
        else if (static_cast<unsigned char>(c) < 0x20)
            out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
        else
            out += c;
    }
    return out + '"';
}

// ---- the table
// ------------------------------------------------------------------------------------------------

std::string ratio_cell(const Report& report, const Row& row) {
    const Row* base = find_base(report);
    if (base == nullptr) return "-";
    const Ratio ratio = ratio_of_medians(row.start, base->start, report.seed);
    if (ratio.value == 0) return "-";
    return fmt::format("{:.2f} ({:.2f}-{:.2f})", ratio.value, ratio.low, ratio.high);
}

std::string latency_table(const Report& report) {
    const std::string base = report.base.empty() ? "base" : report.base;
    std::string out = fmt::format(
        "| microseconds | {} p50 | p90 | p99 | max | p50 / {} (95 %) | wall p50 | p99 | runs | failed |\n"
        "|---|---|---|---|---|---|---|---|---|---|\n",
        report.measure, base);
    for (const Row& row : report.rows) {
        if (row.start.empty()) {
            out += fmt::format("| {} | - | - | - | - | - | - | - | {} | {} |\n", row.name, row.runs,
                               row.failures);
            continue;
        }
        out += fmt::format("| {} | {:.0f} | {:.0f} | {:.0f} | {:.0f} | {} | {:.0f} | {:.0f} | {} | {} |\n",
                           row.name, us(row.start.median()), us(row.start.percentile(90)),
                           us(row.start.percentile(99)), us(row.start.max()), ratio_cell(report, row),
                           us(row.wall.median()), us(row.wall.percentile(99)), row.runs, row.failures);
    }
    return out;
}

std::string throughput_table(const Report& report) {
    std::string head = "| containers per second |";
    std::string line = "|---|";
    for (const Throughput& column : report.rows.front().throughput) {
        head += fmt::format(" {} in flight |", column.in_flight);
        line += "---|";
    }
    std::string out = head + " runs | failed |\n" + line + "---|---|\n";
    const Row* base = find_base(report);
    for (const Row& row : report.rows) {
        out += fmt::format("| {} |", row.name);
        for (std::size_t i = 0; i < row.throughput.size(); ++i) {
            out += fmt::format(" {:.0f}", row.throughput[i].median());
            const double base_rate = base == nullptr ? 0 : base->throughput[i].median();
            if (base_rate > 0 && base != &row)
                out += fmt::format(" ({:.2f})", row.throughput[i].median() / base_rate);
            out += " |";
        }
        out += fmt::format(" {} | {} |\n", row.runs, row.failures);
    }
    if (base != nullptr) out += fmt::format("\nIn brackets: the share of {}'s rate.\n", base->name);
    return out;
}

std::string figure_cell(const Figure& figure) {
    if (figure.values.empty()) return "-";
    const auto [low, high] = std::minmax_element(figure.values.begin(), figure.values.end());
    std::string cell = fmt::format("{:.{}f}", figure.median(), figure.digits);
    if (figure.values.size() > 1)
        cell += fmt::format(" ({:.{}f}-{:.{}f})", *low, figure.digits, *high, figure.digits);
    return cell;
}

std::string figures_table(const Report& report) {
    std::string head = "| median (least-greatest) |", line = "|---|";
    for (const Figure& figure : report.rows.front().figures) {
        head += fmt::format(" {} |", figure.name);
        line += "---|";
    }
    std::string out = head + " rounds | failed |\n" + line + "---|---|\n";
    for (const Row& row : report.rows) {
        out += fmt::format("| {} |", row.name);
        for (const Figure& figure : row.figures) out += fmt::format(" {} |", figure_cell(figure));
        out += fmt::format(" {} | {} |\n", row.runs, row.failures);
    }
    return out;
}

bool has_figures(const Report& report) {
    return !report.rows.empty() && !report.rows.front().figures.empty();
}

bool is_throughput(const Report& report) {
    return !report.rows.empty() && !report.rows.front().throughput.empty();
}

std::string rows_table(const Report& report) {
    if (has_figures(report)) return figures_table(report);
    return is_throughput(report) ? throughput_table(report) : latency_table(report);
}

// ---- JSON
// -----------------------------------------------------------------------------------------------------

std::string strings_json(const std::vector<std::string>& values) {
    std::string out = "[";
    for (const std::string& value : values) out += (out.size() > 1 ? "," : "") + in_quotes(value);
    return out + "]";
}

std::string samples_json(const Samples& samples) {
    if (samples.empty()) return "null";
    const auto [low, high] = samples.median_interval();
    std::string out = fmt::format(
        R"({{"count":{},"min":{},"p50":{},"p50_95":[{},{}],"p90":{},"p99":{},"p99.9":{},"max":{},"buckets":[)",
        samples.count(), samples.min(), samples.median(), low, high, samples.percentile(90),
        samples.percentile(99), samples.percentile(99.9), samples.max());
    bool is_first = true;
    for (const auto& [lower, count] : samples.buckets()) {
        out += fmt::format("{}[{},{}]", is_first ? "" : ",", lower, count);
        is_first = false;
    }
    return out + "]}";
}

std::string throughput_json(const std::vector<Throughput>& columns) {
    std::string out = "[";
    for (const Throughput& column : columns) {
        out += fmt::format(R"({}{{"in_flight":{},"per_second":{:.2f},"blocks":[)", out.size() > 1 ? "," : "",
                           column.in_flight, column.median());
        for (std::size_t i = 0; i < column.block_rates.size(); ++i)
            out += fmt::format("{}{:.2f}", i > 0 ? "," : "", column.block_rates[i]);
        out += "]}";
    }
    return out + "]";
}

std::string figures_json(const std::vector<Figure>& figures) {
    std::string out = "{";
    for (const Figure& figure : figures) {
        out += fmt::format("{}{}:", out.size() > 1 ? "," : "", in_quotes(figure.key));
        if (figure.values.empty())
            out += "null";
        else
            out += fmt::format(R"({{"median":{},"rounds":[{}]}})", figure.median(),
                               fmt::join(figure.values, ","));
    }
    return out + "}";
}

std::string row_json(const Report& report, const Row& row) {
    std::string out = fmt::format(
        R"({{"name":{},"path":{},"version":{},"notes":{},"runs":{},"failures":{},"first_failure":{})",
        in_quotes(row.name), in_quotes(row.path), in_quotes(row.version), strings_json(row.notes), row.runs,
        row.failures, in_quotes(row.first_failure));
    if (!row.throughput.empty()) return out + ",\"throughput\":" + throughput_json(row.throughput) + "}";
    if (!row.figures.empty()) return out + ",\"figures\":" + figures_json(row.figures) + "}";
    out += ",\"start_ns\":" + samples_json(row.start) + ",\"wall_ns\":" + samples_json(row.wall);
    if (const Row* base = find_base(report); base != nullptr) {
        const Ratio ratio = ratio_of_medians(row.start, base->start, report.seed);
        out += fmt::format(R"(,"start_over_base":{{"ratio":{:.4f},"low":{:.4f},"high":{:.4f}}})", ratio.value,
                           ratio.low, ratio.high);
    }
    return out + "}";
}

double median_of(std::vector<double> values) {
    if (values.empty()) return 0;
    std::sort(values.begin(), values.end());
    return values[(values.size() - 1) / 2];
}

std::string cpu_model() {
    auto text = read_file_at(AT_FDCWD, "/proc/cpuinfo", 4 << 20);
    if (!text.ok()) return "unknown";
    constexpr std::string_view kKey = "model name\t: ";
    const std::size_t start = text->find(kKey);
    if (start == std::string::npos) return "unknown";
    const std::size_t value = start + kKey.size();
    return text->substr(value, text->find('\n', value) - value);
}

}  // namespace

double Throughput::median() const {
    return median_of(block_rates);
}

double Figure::median() const {
    return median_of(values);
}

Machine describe_machine() {
    Machine machine;
    const time_t now = ::time(nullptr);
    tm parts{};
    ::gmtime_r(&now, &parts);
    char text[32];
    ::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    machine.time = text;
    utsname name{};
    if (::uname(&name) == 0)
        machine.kernel = fmt::format("{} {} {}", name.sysname, name.release, name.machine);
    machine.cpu = cpu_model();
    machine.cpus = static_cast<unsigned>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN)));
    struct sysinfo info {};
    if (::sysinfo(&info) == 0) machine.memory_mib = (info.totalram * info.mem_unit) >> 20;
    if (auto load = read_file_at(AT_FDCWD, "/proc/loadavg"); load.ok()) {
        std::size_t end = 0;
        for (int fields = 0; fields < 3; ++fields) end = load->find(' ', end + 1);
        machine.load = load->substr(0, end);
    }
    return machine;
}

std::string to_table(const Report& report) {
    const Machine& machine = report.machine;
    std::string out =
        fmt::format("{}: {}, {} ({} CPUs), {} MiB, {}, load {}\n", report.subcommand, machine.time,
                    machine.cpu, machine.cpus, machine.memory_mib, machine.kernel, machine.load);
    for (const auto& [key, value] : report.settings)
        out += fmt::format("{}{} {}", &key == &report.settings.front().first ? "" : ", ", key, value);
    out += "\n\n" + rows_table(report) + "\n";
    for (const Row& row : report.rows) {
        out +=
            fmt::format("- {}: {}{}{}\n", row.name, row.version, row.version.empty() ? "" : ", ", row.path);
        for (const std::string& note : row.notes) out += fmt::format("  - {}\n", note);
        if (row.failures > 0)
            out += fmt::format("  - failed {} times, first: {}\n", row.failures, row.first_failure);
    }
    for (const std::string& note : report.notes) out += fmt::format("- {}\n", note);
    return out;
}

std::string to_json(const Report& report) {
    const Machine& machine = report.machine;
    std::string out = fmt::format(
        R"({{"subcommand":{},"machine":{{"time":{},"kernel":{},"cpu":{},"cpus":{},"memory_mib":{},"load":{}}},"settings":{{)",
        in_quotes(report.subcommand), in_quotes(machine.time), in_quotes(machine.kernel),
        in_quotes(machine.cpu), machine.cpus, machine.memory_mib, in_quotes(machine.load));
    for (const auto& [key, value] : report.settings)
        out += fmt::format("{}{}:{}", &key == &report.settings.front().first ? "" : ",", in_quotes(key),
                           in_quotes(value));
    out += fmt::format(R"(}},"seed":{},"base":{},"notes":{},"rows":[)", report.seed, in_quotes(report.base),
                       strings_json(report.notes));
    for (const Row& row : report.rows) {
        if (&row != &report.rows.front()) out += ",";
        out += "\n" + row_json(report, row);
    }
    return out + "]}\n";
}

}  // namespace urc::bench
