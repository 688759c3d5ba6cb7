#include <jansson.h>
#include <string.h>

#include "base/error.h"
#include "base/smtp_client.h"
#include "deliver/send.h"

#define LINE_BYTES 57 /* that make a line of 76 characters, RFC 2045, 6.8 */

/* RFC 5322, 3.3, whatever the locale. g_free() */
static char *date(int64_t seconds)
{
    static const char *const days[] = { "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun" };
    static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
    g_autoptr(GDateTime) t = g_date_time_new_from_unix_utc(seconds);
    return g_strdup_printf("%s, %d %s %d %02d:%02d:%02d +0000",
                           days[g_date_time_get_day_of_week(t) - 1],
                           g_date_time_get_day_of_month(t), months[g_date_time_get_month(t) - 1],
                           g_date_time_get_year(t), g_date_time_get_hour(t),
                           g_date_time_get_minute(t), g_date_time_get_second(t));
}

static void add_base64(GString *mail, const char *text)
{
    size_t len = strlen(text);
    for (size_t at = 0; at < len; at += LINE_BYTES) {
        g_autofree char *line =
            g_base64_encode((const guchar *)text + at, MIN(LINE_BYTES, len - at));
        g_string_append_printf(mail, "%s\r\n", line);
    }
}

char *email_compose(const struct message *m, const char *from, const char *const *addresses,
                    int64_t now)
{
    GString *mail = g_string_new(NULL);
    g_autofree char *subject = message_subject(m), *text = message_text(m), *when = date(now);
    const char *at = strrchr(from, '@');
    g_string_append_printf(mail, "From: %s\r\n", from);
    for (size_t i = 0; addresses[i] != NULL; i++) /* folded, RFC 5322, 2.2.3 */
        g_string_append_printf(mail, "%s%s%s", i == 0 ? "To: " : "\r\n ", addresses[i],
                               addresses[i + 1] != NULL ? "," : "\r\n");
    g_string_append_printf(mail,
                           "Subject: %s\r\n"
                           "Date: %s\r\n"
                           "Message-ID: <%s%s>\r\n" /* the same when it is sent again */
                           "Auto-Submitted: auto-generated\r\n"
                           "X-Assay-Delivery: %s\r\n"
                           "MIME-Version: 1.0\r\n"
                           "Content-Type: text/plain; charset=utf-8\r\n"
                           "Content-Transfer-Encoding: base64\r\n"
                           "\r\n",
                           subject, when, m->delivery->id, at, m->delivery->id);
    add_base64(mail, text);
    return g_string_free(mail, FALSE);
}

/* The first line of the file. *password NULL without a file. */
static bool read_password(const char *file, char **password, GError **error)
{
    g_autoptr(GError) failure = NULL;
    *password = NULL;
    if (file == NULL)
        return true;
    if (!g_file_get_contents(file, password, NULL, &failure))
        return fail(error, ASSAY_ERROR_IO, "password for the e-mail server: %s", failure->message);
    (*password)[strcspn(*password, "\r\n")] = '\0';
    return true;
}

static GStrv addresses_of(const struct notification *n)
{
    GStrvBuilder *all = g_strv_builder_new();
    json_t *list = json_loads(n->addresses, 0, NULL), *one;
    size_t i;
    json_array_foreach(list, i, one)
        g_strv_builder_add(all, json_string_value(one));
    json_decref(list);
    GStrv found = g_strv_builder_end(all);
    g_strv_builder_unref(all);
    return found;
}

bool send_email(const struct job_run *run, const struct notification *n, const struct message *m,
                int64_t *status, GError **error)
{
    const struct worker_mail *s = &run->settings->mail;
    char *password;
    if (s->url == NULL || s->from == NULL)
        return fail(error, ASSAY_ERROR_INVALID, "the service has no settings for e-mail (smtp)");
    if (!read_password(s->password_file, &password, error))
        return false;
    g_auto(GStrv) addresses = addresses_of(n);
    g_autofree char *mail = email_compose(m, s->from, (const char *const *)addresses,
                                          store_now() / (int64_t)G_USEC_PER_SEC);
    const struct smtp_server server = { .url = s->url,
                                        .plain = s->plain,
                                        .user = s->user,
                                        .password = password,
                                        .ca_file = s->ca_file };
    bool ok =
        smtp_send(&server, s->from, (const char *const *)addresses, mail, strlen(mail), error);
    seal_forget(password);
    return ok;
}
