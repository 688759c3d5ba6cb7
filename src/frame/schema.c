/* docs/frame.schema.json, from the field tables: JSON Schema 2020-12. */
#include "base/json_writer.h"
#include "frame/formats.h"
#include "frame/forms.h"

static void typed(struct json_writer *w, const char *key, const char *type, const char *description)
{
    jw_object_begin(w, key);
    jw_string(w, "type", type);
    jw_string_opt(w, "description", description);
    jw_object_end(w);
}

static void state_names(struct json_writer *w)
{
    jw_array_begin(w, "enum");
    for (unsigned i = 0; i < COVERAGE_STATE_COUNT; i++)
        jw_string(w, NULL, coverage_state_name((enum coverage_state)i));
    jw_array_end(w);
}

static void bytes_property(struct json_writer *w, const struct frame_field *f)
{
    g_autofree char *key = g_strdup_printf("%s_base64", f->name);
    typed(w, f->name, "string", f->description);
    jw_object_begin(w, key);
    jw_string(w, "type", "string");
    jw_string(w, "contentEncoding", "base64");
    jw_string(w, "description", "The bytes themselves, where they are not UTF-8");
    jw_object_end(w);
}

static void property(struct json_writer *w, const struct frame_field *f)
{
    if (f->type == FRAME_TYPE_BYTES) {
        bytes_property(w, f);
        return;
    }
    jw_object_begin(w, f->name);
    switch (f->type) {
    case FRAME_TYPE_STRING:
    case FRAME_TYPE_HEX:
        jw_string(w, "type", "string");
        break;
    case FRAME_TYPE_STRINGS:
        jw_string(w, "type", "array");
        typed(w, "items", "string", NULL);
        break;
    case FRAME_TYPE_U64:
        jw_string(w, "type", "integer");
        jw_u64(w, "minimum", 0);
        jw_u64(w, "maximum", INT64_MAX);
        break;
    case FRAME_TYPE_OCTAL:
        jw_string(w, "type", "string");
        jw_string(w, "pattern", "^[0-7]{4,22}$");
        break;
    case FRAME_TYPE_TIME:
        jw_string(w, "type", "string");
        jw_string(w, "format", "date-time");
        break;
    case FRAME_TYPE_BOOL:
        jw_string(w, "type", "boolean");
        break;
    case FRAME_TYPE_STATE:
        state_names(w);
        break;
    case FRAME_TYPE_BYTES:
    case FRAME_TYPE_COUNT:
    default:
        g_assert_not_reached();
    }
    jw_string(w, "description", f->description);
    jw_object_end(w);
}

static void record(struct json_writer *w, const struct frame_kind_info *info)
{
    jw_object_begin(w, info->name);
    jw_string(w, "type", "object");
    jw_string(w, "description", info->description);
    jw_object_begin(w, "properties");
    for (size_t i = 0; i < info->field_count; i++)
        property(w, &info->fields[i]);
    jw_object_end(w);
    jw_array_begin(w, "required");
    for (size_t i = 0; i < info->field_count; i++) {
        if (info->fields[i].required)
            jw_string(w, NULL, info->fields[i].name);
    }
    jw_array_end(w);
    jw_object_end(w);
}

static void list_of(struct json_writer *w, const char *key, const char *definition)
{
    g_autofree char *ref = g_strdup_printf("#/$defs/%s", definition);
    jw_object_begin(w, key);
    jw_string(w, "type", "array");
    jw_object_begin(w, "items");
    jw_string(w, "$ref", ref);
    jw_object_end(w);
    jw_object_end(w);
}

static void names_required(struct json_writer *w, const char *const *names)
{
    jw_array_begin(w, "required");
    for (; *names != NULL; names++)
        jw_string(w, NULL, *names);
    jw_array_end(w);
}

static void system_definition(struct json_writer *w)
{
    static const char *const required[] = { "os", NULL };
    jw_object_begin(w, "system");
    jw_string(w, "type", "object");
    jw_string(w, "description", "An operating system that was found");
    jw_object_begin(w, "properties");
    jw_object_begin(w, frame_kinds[FRAME_OS].name);
    jw_string(w, "$ref", "#/$defs/os");
    jw_object_end(w);
    for (size_t k = 0; k < FRAME_KIND_COUNT; k++) {
        if (frame_kinds[k].of_system && k != FRAME_OS)
            list_of(w, frame_kinds[k].name, frame_kinds[k].name);
    }
    jw_object_end(w);
    names_required(w, required);
    jw_object_end(w);
}

bool frame_write_schema(FILE *out, GError **error)
{
    static const char *const required[] = { "schema",   "assay",   "target",  "created", "state",
                                            "coverage", "volumes", "systems", NULL };
    struct json_writer w;
    jw_init(&w, out, false);
    jw_object_begin(&w, NULL);
    jw_string(&w, "$schema", "https://json-schema.org/draft/2020-12/schema");
    jw_string(&w, "$id", "urn:assay:schema:frame:1");
    jw_string(&w, "title", "Frame: the facts of one target at one time");
    jw_string(&w, "type", "object");
    jw_object_begin(&w, "properties");
    jw_object_begin(&w, "schema");
    jw_string(&w, "const", FRAME_SCHEMA);
    jw_object_end(&w);
    typed(&w, "assay", "string", "Version of assay that wrote it");
    typed(&w, "target", "string", "What was looked at, as the user named it");
    jw_object_begin(&w, "created");
    jw_string(&w, "type", "string");
    jw_string(&w, "format", "date-time");
    jw_object_end(&w);
    jw_object_begin(&w, "state");
    state_names(&w);
    jw_string(&w, "description", "The worst of coverage; what was skipped does not count");
    jw_object_end(&w);
    list_of(&w, "coverage", "coverage");
    list_of(&w, "volumes", "volumes");
    list_of(&w, "systems", "system");
    jw_object_end(&w);
    names_required(&w, required);
    jw_object_begin(&w, "$defs");
    system_definition(&w);
    for (size_t k = 0; k < FRAME_KIND_COUNT; k++)
        record(&w, &frame_kinds[k]);
    jw_object_end(&w);
    jw_object_end(&w);
    return jw_finish(&w, error);
}
