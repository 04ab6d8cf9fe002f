// A container's group in resctrl: its own, named after its id, or the one that closID names, which it may
// share with others; "/" is the default group.
//
// A group that closID names and that is there already is taken as it is: its schemata have to be those that
// are asked for. Removing a group gives its threads back to the default one without an error. Therefore one
// that closID names is removed only by the container for which it was made, and not while others are in it.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "core/rdt/resctrl.h"
#include "core/spec/spec.h"

namespace urc::rdt {

// What state.json keeps.
struct Group {
    std::string path;       // empty: none
    std::string monitor;    // the monitoring group in it; empty: none
    bool is_made = false;   // for this container
    bool is_named = false;  // by closID
};

// Whether the kernel has what `wanted` asks for. `l3_name` and `mb_name` are what the caller calls the two
// schemas ("linux.intelRdt.memBwSchema", "--mem-bw-schema").
Result<void> check_schemas(const Host& host, const spec::IntelRdt& wanted, std::string_view l3_name,
                           std::string_view mb_name);

// Makes the group of container `id`, or finds it, and writes its schemata. On error nothing is left.
Result<Group> make_group(const Host& host, const spec::IntelRdt& wanted, std::string_view id);

// Moves one thread, or all threads of a process.
Result<void> add_thread(const Host& host, const Group& group, pid_t tid);
Result<void> add_process(const Host& host, const Group& group, pid_t pid);

// What is in force; also for change_schemata() to put back. What it does not name stays.
Result<std::string> read_schemata(const Group& group);
Result<void> change_schemata(const Host& host, const Group& group, const spec::IntelRdt& wanted);

// No error when there is nothing any more. Called when the container's own processes are gone.
Result<void> remove_group(const Host& host, const Group& group);

}  // namespace urc::rdt
