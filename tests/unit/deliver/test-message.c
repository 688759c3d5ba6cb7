#include "deliver/message.h"

#include <string.h>

#include "deliver/send.h"

#define FINDINGS                                                                                   \
    "{\"node\":\"01N\",\"name\":\"db1\",\"new\":[{\"id\":\"CVE-1\",\"severity\":\"high\","         \
    "\"package\":\"openssl\",\"fixed_version\":\"3.0.1\"},{\"id\":\"CVE-2\",\"severity\":\"low\","         \
    "\"package\":\"x\\r\\nBcc: a@b\"}],\"new_count\":5,\"gone\":[]}"

static const struct delivery changed = { .id = "01D",
                                         .project = "01P",
                                         .notification = "01H",
                                         .event = "01E",
                                         .kind = "findings.changed",
                                         .data = FINDINGS,
                                         .time = INT64_C(1795255200) * G_USEC_PER_SEC };
static const struct message told = { .delivery = &changed,
                                     .project = "web",
                                     .notification = "hook" };

static void test_severity(void)
{
    g_assert_true(message_reaches("findings.changed", FINDINGS, ""));
    g_assert_true(message_reaches("findings.changed", FINDINGS, "low"));
    g_assert_true(message_reaches("findings.changed", FINDINGS, "high"));
    g_assert_false(message_reaches("findings.changed", FINDINGS, "critical"));
    g_assert_false(
        message_reaches("findings.changed", "{\"gone\":[{\"severity\":\"high\"}]}", "low"));
    g_assert_true(
        message_reaches("findings.changed", "{\"worse\":[{\"severity\":\"high\"}]}", "low"));
    g_assert_true(message_reaches("introspection.failed", "{}", "critical"));
}

static void test_json(void)
{
    g_autofree char *text = message_json(&told), *again = message_json(&told);
    g_assert_cmpstr(text, ==, again);
    g_assert_true(g_str_has_prefix(
        text, "{\"delivery\":\"01D\",\"notification\":\"hook\",\"project\":{\"id\":\"01P\","
              "\"name\":\"web\"},\"event\":{\"id\":\"01E\",\"kind\":\"findings.changed\","
              "\"time\":\"2026-11-21T10:00:00Z\",\"data\":{\"node\":\"01N\",\"name\":\"db1\","));
}

static void test_subjects(void)
{
    struct delivery d = changed;
    struct message m = { .delivery = &d, .project = "web", .notification = "hook" };
    g_autofree char *findings = message_subject(&m);
    g_assert_cmpstr(findings, ==, "[assay] web: 5 new findings (1 high, 1 low) on node db1");
    d.kind = "introspection.failed";
    d.data = "{\"image\":\"01I\",\"name\":\"a\\u00e4\\r\\nBcc: x@y\"}";
    g_autofree char *failed = message_subject(&m);
    g_assert_null(strpbrk(failed, "\r\n"));
    g_assert_true(g_str_has_prefix(failed, "[assay] web: introspection of image a"));
    g_assert_true(g_str_has_suffix(failed, " failed"));
    d.kind = "notification.test";
    d.data = "{}";
    g_autofree char *test = message_subject(&m);
    g_assert_cmpstr(test, ==, "[assay] web: notification.test: hook");
}

static void test_text(void)
{
    g_autofree char *text = message_text(&told);
    g_assert_nonnull(strstr(text, "new findings: 5\n  high       CVE-1              openssl, fixed "
                                  "in 3.0.1\n"));
    g_assert_nonnull(strstr(text, "  and 3 more\n"));
    g_assert_null(strstr(text, "\nBcc"));
}

static void test_doubt(void)
{
    struct delivery d = changed;
    const struct message m = { .delivery = &d, .project = "web", .notification = "hook" };
    d.data = "{\"node\":\"01N\",\"name\":\"db1\",\"complete\":false,\"new\":[],\"gone\":[{\"id\":"
             "\"CVE-1\",\"severity\":\"high\"}],\"counts\":{\"new\":0,\"gone\":1}}";
    g_autofree char *gone = message_text(&m);
    g_assert_nonnull(strstr(gone, "\ngone: 1\n"));
    g_assert_nonnull(strstr(gone, "\nNot everything could be examined and judged: what is gone may "
                                  "only not have been seen.\n"));
    d.data = "{\"node\":\"01N\",\"name\":\"db1\",\"complete\":false,\"new\":[],\"gone\":[]}";
    g_autofree char *none = message_text(&m);
    g_assert_nonnull(strstr(none, "\nNot everything could be examined and judged.\n"));
    d.data = "{\"node\":\"01N\",\"name\":\"db1\",\"complete\":true,\"new\":[],\"gone\":[{}]}";
    g_autofree char *sure = message_text(&m);
    g_assert_null(strstr(sure, "Not everything"));
}

static void test_email(void)
{
    static const char *const to[] = { "a@x.org", "b@x.org", NULL };
    g_autofree char *mail = email_compose(&told, "assay@site.org", to, 1795255200);
    g_assert_true(g_str_has_prefix(
        mail, "From: assay@site.org\r\n"
              "To: a@x.org,\r\n b@x.org\r\n"
              "Subject: [assay] web: 5 new findings (1 high, 1 low) on node db1\r\n"
              "Date: Sat, 21 Nov 2026 10:00:00 +0000\r\n"
              "Message-ID: <01D@site.org>\r\n"));
    const char *body = strstr(mail, "\r\n\r\n") + 4;
    g_auto(GStrv) lines = g_strsplit(body, "\r\n", -1);
    g_autofree char *joined = g_strjoinv("", lines), *text = message_text(&told);
    for (char **l = lines; *l != NULL; l++)
        g_assert_cmpuint(strlen(*l), <=, 76);
    gsize len;
    g_autofree guchar *decoded = g_base64_decode(joined, &len);
    g_assert_cmpmem(decoded, len, text, strlen(text));
}

static void test_signature(void)
{
    /* printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac secret */
    g_autofree char *s = webhook_signature("secret", 1700000000, "{\"a\":1}");
    g_assert_cmpstr(
        s, ==, "t=1700000000,v1=49f24e537407743fa4a0242bb63b94b9a47ee99cbbe071ccd8a22550ae411686");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/deliver/message/a severity lets the worse pass", test_severity);
    g_test_add_func("/deliver/message/the same bytes for programs each time", test_json);
    g_test_add_func("/deliver/message/a subject is one line of ASCII", test_subjects);
    g_test_add_func("/deliver/message/people read what is new", test_text);
    g_test_add_func("/deliver/message/people read that not everything was seen", test_doubt);
    g_test_add_func("/deliver/message/an e-mail with header and text", test_email);
    g_test_add_func("/deliver/message/a signature is of time and body", test_signature);
    return g_test_run();
}
