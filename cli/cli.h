// The command line of urc.
#pragma once

namespace urc::cli {

int main(int argc, char** argv);

}  // namespace urc::cli
