/* apk's list of installed packages: paragraphs of lines "X:value" (apk-tools, apk-installed(5)). */
#pragma once
#include "base/arena.h"
#include "frame/frame.h"

struct apk_sink {
    /* A package; its strings are valid during the call. kernel: the release of the kernel that it
     * holds modules of; NULL. */
    void (*package)(void *user, struct frame_package *p, const char *kernel);
    /* Something that is not as it should be; the rest goes on. Takes the error. */
    void (*fault)(void *user, GError *error);
    void *user;
};

/* ASSAY_ERROR_LIMIT past LIMIT_PACKAGES: then the rest is left out. */
bool apk_parse(const char *text, size_t len, const struct apk_sink *sink, GError **error);
