/* QEMU's monitor, as its docs/interop/qmp-spec describes it. A monitor serves one client at a time:
 * while one of these is open, nobody else changes the machine through the same socket. */
#pragma once
#include "snapshot/json_line.h"

struct qmp {
    struct json_line line;
    unsigned events;  /* told of so far */
    unsigned counter; /* of commands */
};
typedef struct qmp qmp;

/* Connects to the socket, through no symbolic link. ASSAY_ERROR_NOT_FOUND when there is none or
 * nobody listens: the machine is gone. */
struct qmp *qmp_connect(const char *path, GError **error);
/* Over a connected socket, which it takes, also on failure. */
struct qmp *qmp_new(int fd, const char *name, GError **error);
void qmp_free(struct qmp *m);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(qmp, qmp_free)

/* Runs a command; arguments (NULL: none) are released. Returns its value; json_decref().
 * ASSAY_ERROR_UNSUPPORTED when QEMU does not know it, ASSAY_ERROR_IO with QEMU's words when it
 * fails. */
json_t *qmp_call(struct qmp *m, const char *command, json_t *arguments, GError **error);
/* The same, where the value does not matter. */
bool qmp_do(struct qmp *m, const char *command, json_t *arguments, GError **error);
/* Passes a descriptor along, as add-fd wants it. */
json_t *qmp_call_passing(struct qmp *m, const char *command, json_t *arguments, int passed,
                         GError **error);
/* Waits until QEMU has told of more events than `seen`. */
bool qmp_await_event(struct qmp *m, unsigned seen, GError **error);
