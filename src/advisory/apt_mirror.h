/* A local APT mirror as a source of advisories: what its security and update pockets offer, and
 * which CVEs the changelogs inside those packages say they mend. */
#pragma once
#include <glib.h>
#include <stdbool.h>

#include "advisory/record.h"

struct apt_mirror_options {
    const char *keyring; /* for gpgv; NULL: signatures are not checked */
    /* One line that people should see (signature not verified, a package that is missing). */
    void (*warn)(const char *message, void *user);
    void *user;
};

/* The folder has dists/ with a Release file below. */
bool apt_mirror_is(const char *folder);
/* Emits records of feeds "apt-debian-12", "apt-ubuntu-22.04". Index files whose checksum is not the
 * one that the Release file gives, and Release files whose signature is bad, are refused: DENIED,
 * with their names. NOT_FOUND when no pocket of a known release is in the mirror. */
bool apt_mirror_read(const char *folder, const struct apt_mirror_options *options,
                     struct record_sink sink, GError **error);
