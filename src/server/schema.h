/* JSON Schema, as much of it as the API's description uses for bodies of requests: type (one or
 * several), properties, required, additionalProperties, enum, pattern, minLength, maxLength,
 * minimum, maximum, items, minItems, maxItems, maxProperties, $ref within the document. */
#pragma once
#include <glib.h>
#include <jansson.h>
#include <stdbool.h>

/* Whether a schema uses only what is understood here; where names it in messages. */
bool schema_usable(const json_t *document, const json_t *schema, const char *where, GError **error);
/* Whether value is as the schema says; ASSAY_ERROR_INVALID names the member ("labels.rack"). */
bool schema_check(const json_t *document, const json_t *schema, const json_t *value,
                  GError **error);
/* Follows a $ref; NULL when it leads nowhere. Borrowed. */
const json_t *schema_resolve(const json_t *document, const json_t *schema);
