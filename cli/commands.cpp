// The table of commands.
#include <limits>

#include "cli/command.h"

namespace urc::cli {
namespace {

constexpr std::string_view kNewId =
    "The ID names the new container; it must be unique on this host. It consists of\n"
    "letters, digits and any of _+-. and does not begin with a dot.";
constexpr std::string_view kFromBundle =
    "   The container is made as config.json in the bundle says. What this file says\n"
    "when the container is made counts; later changes to it do not.";

constexpr unsigned kArgumentsUnlimited = std::numeric_limits<unsigned>::max();

constexpr Command kCommands[] = {
    {.name = "attach",
     .summary = "connect the terminal with that of a running container",
     .arguments = "<container-id>",
     .explanation =
         "The container must have a monitor. Without a terminal its standard streams are meant.\n"
         "Its exit status becomes urc's; after the detach keys it is 0, and the container goes on.",
     .arguments_min = 1,
     .arguments_max = 1,
     .call = attach_command},
    {.name = "checkpoint",
     .summary = "save the processes of a container with criu",
     .arguments = "<container-id>",
     .explanation = "The container is gone afterwards, unless --leave-running or --pre-dump is given.",
     .arguments_min = 1,
     .arguments_max = 1,
     .call = checkpoint_command},
    {.name = "create",
     .summary = "create a container",
     .arguments = "<container-id>",
     .explanation = kNewId,
     .description = kFromBundle,
     .arguments_min = 1,
     .arguments_max = 1,
     .call = create_command},
    {.name = "delete",
     .summary = "delete a container and all that it holds",
     .arguments = "<container-id>",
     .explanation = "A running container is deleted with --force only. With --force an unknown ID is\n"
                    "no error.",
     .arguments_min = 1,
     .arguments_max = 1,
     .call = delete_command},
    {.name = "events",
     .summary = "print what a container uses, and out-of-memory kills",
     .arguments = "<container-id>",
     .explanation = "Each event is one line of JSON. The command ends with the container.",
     .arguments_min = 1,
     .arguments_max = 1,
     .call = events_command},
    {.name = "exec",
     .summary = "execute a new process in a container",
     .arguments = "<container-id> <command> [arguments...] | --process <file> <container-id>",
     .explanation = "The process is what config.json says, changed by the options; its standard streams are\n"
                    "urc's. Its exit status becomes urc's; failures of urc itself give 255.",
     .arguments_min = 1,
     .arguments_max = ~0U,
     .placement = Placement::before_arguments,
     .failure_status = 255,
     .call = exec_command},
    {.name = "features",
     .summary = "show what this program can do",
     .description = "   The answer is JSON as the specification's features.md describes it. It tells what\n"
                    "is built in; the host's kernel may lack some of it.",
     .call = features_command},
    {.name = "kill",
     .summary = "send a signal (default: SIGTERM) to the container's init process",
     .arguments = "<container-id> [signal]",
     .explanation = "The signal is a number or a name, with or without SIG: KILL, SIGTERM, 9, RTMIN+3.\n"
                    "Signal 0 only asks whether the process is there.",
     .arguments_min = 1,
     .arguments_max = 2,
     .placement = Placement::before_arguments,
     .call = kill_command},
    {.name = "list",
     .summary = "list the containers below the state root",
     .explanation = "Containers made with another --root are not shown.",
     .call = list_command},
    {.name = "logs",
     .summary = "show what a container has written",
     .arguments = "<container-id>",
     .explanation = "It is read from the first of the container's --log-drivers that keeps it: k8s-file,\n"
                    "json-file, raw-file or journald. Without --stdout and --stderr both are shown, each on\n"
                    "that stream of urc.",
     .arguments_min = 1,
     .arguments_max = 1,
     .call = logs_command},
    {.name = "pause",
     .summary = "suspend all processes of a container",
     .arguments = "<container-id>",
     .arguments_min = 1,
     .arguments_max = 1,
     .call = pause_command},
    {.name = "port",
     .summary = "list, add and remove the published ports of a container",
     .arguments = "list <container-id> | add|remove <container-id> <port>...",
     .explanation =
         "A port is written as for --publish: [HOSTIP:]HOSTPORT:[CHILDIP:]PORT[/tcp|udp], or a range\n"
         "of them. Several are added or removed together, or none is. A port that was left to be\n"
         "picked is printed. Connections may go on for ten seconds after their port was removed.",
     .arguments_min = 2,
     .arguments_max = kArgumentsUnlimited,
     .call = port_command},
    {.name = "proxy",
     .summary = "publish ports of any network namespace",
     .explanation =
         "It is done by this process, in the foreground, for a container of whatever runtime, and\n"
         "ends on SIGTERM or SIGINT. Ports that were left to be picked are printed, a line each.\n"
         "READY=1 goes to $NOTIFY_SOCKET when all ports accept. With --api ports come and go while it\n"
         "runs, as rootlessctl and other clients of rootlesskit ask.",
     .call = proxy_command},
    {.name = "ps",
     .summary = "list the processes of a container",
     .arguments = "<container-id> [ps options]",
     .explanation = "The table is that of ps(1), which gets the options after the ID (default: -ef) and has\n"
                    "to print a column PID.",
     .arguments_min = 1,
     .arguments_max = kArgumentsUnlimited,
     .placement = Placement::before_arguments,
     .call = ps_command},
    {.name = "restore",
     .summary = "make a container from the processes that a checkpoint has saved",
     .arguments = "<container-id>",
     .explanation = kNewId,
     .description = kFromBundle,
     .arguments_min = 1,
     .arguments_max = 1,
     .call = restore_command},
    {.name = "resume",
     .summary = "let the processes of a paused container go on",
     .arguments = "<container-id>",
     .arguments_min = 1,
     .arguments_max = 1,
     .call = resume_command},
    {.name = "run",
     .summary = "create and run a container",
     .arguments = "<container-id>",
     .explanation = kNewId,
     .description = kFromBundle,
     .arguments_min = 1,
     .arguments_max = 1,
     .call = run_command},
    {.name = "spec",
     .summary = "write an example config.json",
     .description = "   The file is a start: it runs `sh` on a terminal with little privilege, in the\n"
                    "root file system `rootfs` beside it. An existing config.json is never replaced.",
     .call = spec_command},
    {.name = "start",
     .summary = "start the process of a created container",
     .arguments = "<container-id>",
     .arguments_min = 1,
     .arguments_max = 1,
     .call = start_command},
    {.name = "state",
     .summary = "print the state of a container as JSON",
     .arguments = "<container-id>",
     .arguments_min = 1,
     .arguments_max = 1,
     .call = state_command},
    {.name = "update",
     .summary = "change the limits of a container",
     .arguments = "<container-id>",
     .explanation = "Sizes take a suffix (50M, 1.5g, 512KiB). -1 lifts a limit. With --resources all other\n"
                    "options are ignored. When a value is refused, none is changed.",
     .arguments_min = 1,
     .arguments_max = 1,
     .call = update_command},
};

}  // namespace

std::span<const Command> commands() {
    return kCommands;
}

const Command* find_command(std::string_view name) {
    for (const Command& command : kCommands)
        if (command.name == name) return &command;
    return nullptr;
}

}  // namespace urc::cli
