/* Fetching one file over HTTP, with what a flaky network needs: only when it changed, going on
 * where it broke off, checked against what the server says about it. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct fetch_request {
    const char *url;      /* http, https or file */
    const char *path;     /* where the file appears, whole; "<path>.part" until then */
    const char *etag;     /* of what the caller has, as the server named it; NULL: none */
    const char *modified; /* the same by date, as the server wrote it; NULL */
    const char *sha256;   /* what it must have, hex; NULL: not known */
    /* Bytes so far and of the whole (0: not known); NULL. */
    void (*progress)(const char *url, uint64_t bytes, uint64_t total, void *user);
    void *user;
};

struct fetch_result {
    bool unchanged;        /* the caller has it; nothing was written */
    bool unreachable;      /* on failure: no connection could be made at all */
    char *etag, *modified; /* NULL: the server does not say */
    int64_t date;          /* of modified, Unix seconds; 0 unknown */
};
void fetch_result_done(struct fetch_result *r);

/* A transfer that breaks off is taken up again a few times; then it fails, and what came stays in
 * "<path>.part" for the next call. */
bool fetch(const struct fetch_request *request, struct fetch_result *result, GError **error);
