/* HIL (Hardware Isolation Layer), as M2 uses it: who can list a project's nodes there with HTTP
 * Basic may work on the project of the same name here. HIL is asked with the caller's own
 * credentials.
 *
 * Settings ("hil" of the file): url: http://hil:5000, ca_file: PEM, cache_seconds (60). Any thread.
 */
#pragma once
#include "base/setting.h"
#include "store/seal.h"

struct hil;
/* settings NULL: NULL without *error. */
struct hil *hil_new(const json_t *settings, GError **error);
void hil_free(struct hil *h);

enum hil_answer {
    HIL_YES,
    HIL_NO,          /* wrong user or password, or no rights in the project: HIL does not tell */
    HIL_NO_PROJECT,  /* it knows the caller, but not the project */
    HIL_UNREACHABLE, /* with *error, which is for the log */
};
struct hil_question {
    const char *user, *password, *project; /* names in HIL */
};
/* Until when a yes is remembered (Unix microseconds), 0: none is; seal makes the hash under which
 * it is. */
int64_t hil_remembers(struct hil *h, struct seal *seal, const struct hil_question *q);
enum hil_answer hil_ask(struct hil *h, struct seal *seal, const struct hil_question *q,
                        GError **error);

/* GET of a path below /v0 (each part already escaped), with those credentials: any JSON. NULL with
 * *error: NOT_FOUND, DENIED (401, 403), else IO. json_decref() */
json_t *hil_get(struct hil *h, const char *user, const char *password, const char *path,
                GError **error);
