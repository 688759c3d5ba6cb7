#include "frame/formats.h"

#include <jansson.h>

#include "base/error.h"
#include "frame/random.h"

static char *written(const struct frame *f, const char *format, size_t *len)
{
    char *text = NULL;
    g_autoptr(GError) error = NULL;
    FILE *out = open_memstream(&text, len);
    g_assert_true(frame_format_find(format)->write(f, out, &error));
    g_assert_no_error(error);
    (void)fclose(out);
    return text;
}

/* Every kind of record; text is UTF-8 where only that survives. */
static struct frame *random_frame(GRand *r)
{
    struct frame *f = frame_new("disk \"0\"\n.qcow2");
    g_autoptr(arena) a = arena_new(64 << 20);
    union {
        max_align_t align;
        char bytes[RECORD_SIZE_MAX];
    } record;
    for (unsigned i = 0; i < 400; i++) {
        enum frame_kind kind = i == 0 ? FRAME_OS : (enum frame_kind)(i % FRAME_KIND_COUNT);
        if (kind == FRAME_OS && i > 30)
            continue;
        random_record(r, a, kind, &record);
        for (size_t k = 0; k < frame_kinds[kind].field_count; k++) {
            const struct frame_field *field = &frame_kinds[kind].fields[k];
            const char **s = FIELD_SET(&record, field, const char *);
            if (field->type == FRAME_TYPE_STRING && *s != NULL)
                *s = g_utf8_validate(*s, -1, NULL) ? *s : "not UTF-8";
            if (field->type == FRAME_TYPE_STRINGS)
                *FIELD_SET(&record, field, const char *const *) = NULL;
            if (field->type == FRAME_TYPE_U64)
                *FIELD_SET(&record, field, uint64_t) &= INT64_MAX;
            if (field->type == FRAME_TYPE_TIME)
                *FIELD_SET(&record, field, int64_t) &= 0xffffffff;
        }
        g_assert_true(frame_add(f, kind, &record, NULL));
    }
    frame_finish(f);
    return f;
}

static void test_what_is_written_is_read_again(void)
{
    g_autoptr(GRand) r = g_rand_new_with_seed(5);
    for (unsigned round = 0; round < 20; round++) {
        size_t len, again_len;
        g_autoptr(frame) f = random_frame(r);
        g_autofree char *text = written(f, "json", &len);
        g_autoptr(GError) error = NULL;
        g_autoptr(frame) g = frame_read_json("f.json", text, len, &error);
        g_assert_no_error(error);
        g_autofree char *again = written(g, "json", &again_len);
        g_assert_cmpmem(text, len, again, again_len);
        for (guint i = 0; i < f->systems->len; i++) {
            const struct frame_system *s = g_ptr_array_index(f->systems, i);
            const struct frame_system *t = g_ptr_array_index(g->systems, i);
            const GPtrArray *users = s->records[FRAME_USER], *back = t->records[FRAME_USER];
            for (guint k = 0; k < users->len; k++)
                g_assert_cmpint(frame_record_compare(FRAME_USER, g_ptr_array_index(users, k),
                                                     g_ptr_array_index(back, k)),
                                ==, 0);
        }
        json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
        g_assert_nonnull(root);
        g_assert_cmpstr(json_string_value(json_object_get(root, "schema")), ==, "assay.frame/1");
        json_decref(root);
    }
}

static void test_names_that_are_not_utf8_survive(void)
{
    size_t len;
    g_autoptr(frame) f = frame_new("t");
    const struct frame_file file = { .path = "/\xff\n\xc3\xa4", .type = "file", .mode = 04755 };
    g_assert_true(frame_add(f, FRAME_OS, &(struct frame_os){ .root = "disk0" }, NULL));
    g_assert_true(frame_add(f, FRAME_FILE, &file, NULL));
    g_autofree char *text = written(f, "json", &len);
    g_assert_nonnull(
        strstr(text, "\"path\":\"/\xef\xbf\xbd\\n\xc3\xa4\",\"path_base64\":\"L/8Kw6Q=\""));
    g_assert_nonnull(strstr(text, "\"mode\":\"4755\""));
    g_autoptr(frame) g = frame_read_json("f.json", text, len, NULL);
    g_assert_nonnull(g);
    size_t again_len;
    g_autofree char *again = written(g, "json", &again_len);
    g_assert_cmpmem(text, len, again, again_len);
}

static void test_files_are_passed_over_where_nobody_needs_them(void)
{
    static const char text[] =
        "{\"schema\":\"assay.frame/1\",\"systems\":[{\"files\":[{\"path\":5},\"nonsense\"],"
        "\"os\":{\"root\":\"disk0\"},\"users\":[{\"name\":\"ann\"}]}]}";
    g_autoptr(GError) error = NULL;
    g_autoptr(frame) f = frame_read_json_without_files("f.json", text, sizeof text - 1, &error);
    g_assert_no_error(error);
    const struct frame_system *s = g_ptr_array_index(f->systems, 0);
    g_assert_cmpuint(s->records[FRAME_USER]->len, ==, 1);
    g_assert_null(s->files);
    g_assert_null(frame_read_json("f.json", text, sizeof text - 1, NULL));
}

#define HEAD "{\"schema\":\"assay.frame/1\","

static void test_what_is_not_a_frame_is_refused_by_name(void)
{
    static const struct {
        const char *text, *message;
        int code;
    } cases[] = {
        { "", "an object expected at byte 0", ASSAY_ERROR_CORRUPT },
        { "{}", "no \"schema\"", ASSAY_ERROR_CORRUPT },
        { "[]", "an object expected", ASSAY_ERROR_CORRUPT },
        { "{\"schema\":\"assay.frame/2\"}", "assay.frame/2", ASSAY_ERROR_UNSUPPORTED },
        { "{\"schema\":7}", "schema: not a string", ASSAY_ERROR_CORRUPT },
        { HEAD "\"target\":\"\\u0000\"}", "target", ASSAY_ERROR_CORRUPT },
        { HEAD "\"created\":\"now\"}", "not a time", ASSAY_ERROR_CORRUPT },
        { HEAD "\"systems\":[{}]}", "a system without \"os\"", ASSAY_ERROR_CORRUPT },
        { HEAD "\"systems\":[{\"os\":{}}]}", "record without member \"root\"",
          ASSAY_ERROR_CORRUPT },
        { HEAD "\"systems\":[{\"os\":{\"root\":\"r\"},\"users\":[{\"name\":\"a\",\"uid\":-1}]}]}",
          "users: element 0: users: bad member \"uid\"", ASSAY_ERROR_CORRUPT },
        { HEAD "\"systems\":[{\"os\":{\"root\":\"r\"},\"users\":[{\"name\":\"a\"} {}]}]}",
          "a comma or the end expected at byte 78", ASSAY_ERROR_CORRUPT },
        { HEAD "\"coverage\":[{\"kind\":\"a\",\"object\":\"b\"}]}", "without member \"state\"",
          ASSAY_ERROR_CORRUPT },
        { HEAD "\"coverage\":[{\"kind\":\"a\",\"object\":\"b\",\"state\":\"fine\"}]}",
          "bad member \"state\"", ASSAY_ERROR_CORRUPT },
        { HEAD "\"volumes\":{}}", "an array expected at byte 36", ASSAY_ERROR_CORRUPT },
        { HEAD "\"volumes\":[1,}", "']' expected", ASSAY_ERROR_CORRUPT },
        { HEAD "\"volumes\":[], \"volumes\":[]}", "twice", ASSAY_ERROR_CORRUPT },
        { HEAD "\"x\":\"abc", "the end of a string", ASSAY_ERROR_CORRUPT },
        { HEAD "\"x\":1}x", "the end expected", ASSAY_ERROR_CORRUPT },
        { HEAD "\"x\" 1}", "a colon expected", ASSAY_ERROR_CORRUPT },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        /* Exact size, for the sanitizer. */
        size_t len = strlen(cases[i].text);
        g_autofree char *text = g_memdup2(cases[i].text, len);
        g_assert_null(frame_read_json("f.json", text, len, &error));
        g_test_message("%s", error->message);
        g_assert_error(error, ASSAY_ERROR, cases[i].code);
        g_assert_nonnull(strstr(error->message, cases[i].message));
        g_assert_true(g_str_has_prefix(error->message, "f.json: "));
    }
}

static void test_a_thousand_levels_are_a_limit(void)
{
    g_autoptr(GString) s = g_string_new(HEAD "\"x\":");
    for (unsigned i = 0; i < 1000; i++)
        g_string_append_c(s, '[');
    g_autoptr(GError) error = NULL;
    g_assert_null(frame_read_json("f.json", s->str, s->len, &error));
    g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_LIMIT);
}

static void test_members_come_in_any_order_and_unknown_ones_are_passed_over(void)
{
    static const char text[] =
        "{\"systems\":[{\"new\":[{\"}\":\"\\\"\"}],\"users\":[{\"x\":{},\"name\":\"a\"}],"
        "\"os\":{\"root\":\"r\"}}],\"later\":1.5e3,\"sch\\u0065ma\":\"assay.frame/1\"}";
    g_autoptr(GError) error = NULL;
    g_autoptr(frame) f = frame_read_json("f.json", text, strlen(text), &error);
    g_assert_no_error(error);
    const struct frame_system *s = g_ptr_array_index(f->systems, 0);
    g_assert_cmpuint(s->records[FRAME_USER]->len, ==, 1);
    g_assert_null(s->files);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/frame/json/what is written is read again",
                    test_what_is_written_is_read_again);
    g_test_add_func("/frame/json/names that are not UTF-8 survive",
                    test_names_that_are_not_utf8_survive);
    g_test_add_func("/frame/json/files are passed over where nobody needs them",
                    test_files_are_passed_over_where_nobody_needs_them);
    g_test_add_func("/frame/json/what is not a frame is refused by name",
                    test_what_is_not_a_frame_is_refused_by_name);
    g_test_add_func("/frame/json/a thousand levels are a limit",
                    test_a_thousand_levels_are_a_limit);
    g_test_add_func("/frame/json/members come in any order and unknown ones are passed over",
                    test_members_come_in_any_order_and_unknown_ones_are_passed_over);
    return g_test_run();
}
