/* Handles, for drivers: a JSON object of texts, which always has "driver" and "location". */
#pragma once
#include "snapshot/snapshot.h"

/* What names made of an identifier begin with, so that people know whose they are. */
#define HANDLE_NAME_PREFIX "assay-"

/* An object of the driver's; the caller adds members and ends with handle_text(). NULL with
 * ASSAY_ERROR_INVALID when the identifier is not one (letters and digits). */
json_t *handle_new(const struct snapshot_driver *drv, const char *location, const char *id,
                   GError **error);
/* The text; releases the object. g_free() */
char *handle_text(json_t *object);
/* Reads one back; json_decref(). ASSAY_ERROR_INVALID when it is not a handle of that driver. */
json_t *handle_read(const struct snapshot_driver *drv, const char *handle, GError **error);
/* A member; NULL when it is not there. Valid as long as the object. */
const char *handle_get(const json_t *object, const char *member);
/* The id: names are made of it. */
const char *handle_id(const json_t *object);
