/* YAML as JSON values: for configuration and the API's description. The only user of libyaml.
 *
 * Plain scalars are null, booleans and numbers as in YAML 1.2's core schema. Anchors, aliases, tags
 * and keys that are not texts are refused: nothing that we read needs them. */
#pragma once
#include <glib.h>
#include <jansson.h>

/* name: of the file, for messages. A new reference. */
json_t *yaml_load(const char *name, const char *text, size_t len, GError **error);
