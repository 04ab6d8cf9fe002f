// libseccomp 2.5.4, which the tests compare with, loses the memory of a rule that it refuses after having
// begun to take it in. LeakSanitizer asks the program by this name (compiler-rt, lsan_interface.h) what to
// pass over. What urc itself takes from libseccomp, names, is still looked at by the fuzz target, which has
// no such exception.
extern "C" const char* __lsan_default_suppressions();

extern "C" const char* __lsan_default_suppressions() {
    return "leak:libseccomp.so";
}
