#include "cli/cli.h"

int main(int argc, char** argv) {
    return urc::cli::main(argc, argv);
}
