// What one run of the harness says: a Markdown table for people, JSON for plots and for comparing dates.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bench/histogram.h"

namespace urc::bench {

// The machine and the moment, so that a table can be read years later.
struct Machine {
    std::string time;  // UTC, ISO 8601
    std::string kernel;
    std::string cpu;
    unsigned cpus = 0;
    std::uint64_t memory_mib = 0;
    std::string load;  // before the first run: the averages over 1, 5 and 15 minutes
};
Machine describe_machine();

struct Throughput {
    unsigned in_flight = 0;
    std::vector<double> block_rates;  // containers per second, one a block

    double median() const;
};

// One quantity, measured once a round: shown as its median, with the least and the greatest in brackets.
struct Figure {
    std::string name;  // with its unit
    std::string key;   // in JSON
    int digits = 0;    // after the point
    std::vector<double> values = {};

    double median() const;
};

struct Row {
    std::string name;
    std::string path;
    std::string version;
    std::vector<std::string> notes;
    Samples start;
    Samples wall;
    std::vector<Throughput> throughput;
    std::vector<Figure> figures;  // when there are any, the table is one of these; the same in every row
    unsigned runs = 0;
    unsigned failures = 0;
    std::string first_failure;
};

struct Report {
    std::string subcommand;
    std::string measure =
        "start";  // what the first columns are: the start of a program, or a call as a whole
    Machine machine;
    std::vector<std::pair<std::string, std::string>> settings;  // in the order they are shown
    std::vector<std::string> notes;
    std::vector<Row> rows;
    std::string base;  // the row that the others are compared with; empty: none
    std::uint64_t seed = 0;
};

std::string to_table(const Report& report);
std::string to_json(const Report& report);

}  // namespace urc::bench
