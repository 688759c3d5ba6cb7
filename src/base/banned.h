/* Functions that have cost others dearly. Included through the build for every file of src/. */
#pragma once
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* With checked functions (_FORTIFY_SOURCE) and clang the C library has macros of these names. */
#undef sprintf
#undef vsprintf
#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf strtok atoi atol atoll gets gmtime \
    localtime asctime
/* Files have a ctime, too: only the call is an error. */
#define ctime(...) ctime_is_banned_use_GDateTime
