#include "snapshot/qmp.h"

#include "base/autoclose.h"
#include "base/connect.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"

#define GREETING_MILLISECONDS 10000
/* A command may wait for requests of the guest to end. */
#define COMMAND_MILLISECONDS 30000

void qmp_free(struct qmp *m)
{
    if (m == NULL)
        return;
    json_line_done(&m->line);
    g_free(m);
}

struct qmp *qmp_connect(const char *path, GError **error)
{
    g_autoptr(GError) failure = NULL;
    int fd = connect_unix_without_links(path, &failure);
    if (fd >= 0)
        return qmp_new(fd, path, error);
    g_propagate_error(error, g_steal_pointer(&failure));
    return NULL;
}

/* The other side's text, for a message. */
static char *words_of(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));
    return text_safe(text != NULL ? text : "(no reason given)");
}

static json_t *value_of(struct qmp *m, const json_t *reply, const char *command, GError **error)
{
    const json_t *failure = json_object_get(reply, "error");
    json_t *value = json_object_get(reply, "return");
    if (failure == NULL && value != NULL)
        return json_incref(value);
    if (failure == NULL) {
        (void)fail_corrupt(error, "%s: %s: an answer without value", m->line.name, command);
        return NULL;
    }
    const char *class = json_string_value(json_object_get(failure, "class"));
    g_autofree char *words = words_of(failure, "desc");
    (void)fail(error,
               g_strcmp0(class, "CommandNotFound") == 0 ? ASSAY_ERROR_UNSUPPORTED : ASSAY_ERROR_IO,
               "%s: %s: %s", m->line.name, command, words);
    return NULL;
}

/* The next message that is no event. */
static json_t *next_answer(struct qmp *m, GError **error)
{
    for (unsigned i = 0; i < LIMIT_MONITOR_EVENTS; i++) {
        json_t *message = json_line_next(&m->line, error);
        if (message == NULL || json_object_get(message, "event") == NULL)
            return message;
        m->events++;
        json_decref(message);
    }
    (void)fail_limit(error, "%s: tells of events without end", m->line.name);
    return NULL;
}

json_t *qmp_call_passing(struct qmp *m, const char *command, json_t *arguments, int passed,
                         GError **error)
{
    json_int_t id = (json_int_t)++m->counter;
    json_t *call = json_pack("{ss so* sI}", "execute", command, "arguments", arguments, "id", id);
    json_line_allow(&m->line, COMMAND_MILLISECONDS);
    bool sent = json_line_send(&m->line, "", call, passed, error);
    json_decref(call);
    json_t *reply = sent ? next_answer(m, error) : NULL;
    if (reply == NULL)
        return NULL;
    json_t *value = NULL;
    if (json_integer_value(json_object_get(reply, "id")) == id)
        value = value_of(m, reply, command, error);
    else
        (void)fail_corrupt(error, "%s: %s: the answer is to something else", m->line.name, command);
    json_decref(reply);
    return value;
}

json_t *qmp_call(struct qmp *m, const char *command, json_t *arguments, GError **error)
{
    return qmp_call_passing(m, command, arguments, -1, error);
}

bool qmp_do(struct qmp *m, const char *command, json_t *arguments, GError **error)
{
    json_t *value = qmp_call(m, command, arguments, error);
    json_decref(value);
    return value != NULL;
}

bool qmp_await_event(struct qmp *m, unsigned seen, GError **error)
{
    json_line_allow(&m->line, COMMAND_MILLISECONDS);
    if (m->events != seen)
        return true;
    json_t *message = json_line_next(&m->line, error);
    bool event = json_object_get(message, "event") != NULL;
    m->events += event;
    json_decref(message);
    return event || message == NULL ? event
                                    : fail_corrupt(error, "%s: an answer to nothing", m->line.name);
}

static bool greet(struct qmp *m, GError **error)
{
    json_line_allow(&m->line, GREETING_MILLISECONDS);
    json_t *greeting = json_line_next(&m->line, error);
    bool ours = json_object_get(greeting, "QMP") != NULL;
    json_decref(greeting);
    if (greeting == NULL) {
        if (error != NULL)
            g_prefix_error(error, "no greeting; a monitor serves one client at a time: ");
        return false;
    }
    return ours ? qmp_do(m, "qmp_capabilities", NULL, error)
                : fail_corrupt(error, "%s: is not a QMP monitor", m->line.name);
}

struct qmp *qmp_new(int fd, const char *name, GError **error)
{
    struct qmp *m = g_new0(struct qmp, 1);
    json_line_init(&m->line, fd, name);
    if (greet(m, error))
        return m;
    qmp_free(m);
    return NULL;
}
