#if defined(__SANITIZE_ADDRESS__)

// UndefinedBehaviorSanitizer says where: for __ldg() and its like not only its own line, but the kernel's that calls it.
extern "C" const char* __ubsan_default_options() { return "print_stacktrace=1"; }

#endif
