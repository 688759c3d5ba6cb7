/* AMQP 0-9-1 as RabbitMQ speaks it, with its extensions: publisher confirms, quorum queues, URI
 * query parameters (rabbitmq.com: "Confirms", "Quorum Queues", "URI Specification"). */
#include "config.h"
#include "queue/broker.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "base/error.h"
#include "base/limits.h"

/* --- URLs --------------------------------------------------------------------------------------
 */

struct address {
    char *host, *user, *password, *vhost;
    char *ca, *certificate, *key; /* files, PEM */
    int port;
    bool tls;
};

typedef struct address address;
static void address_clear(struct address *a)
{
    char *const texts[] = {
        a->host, a->user, a->password, a->vhost, a->ca, a->certificate, a->key
    };
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free(texts[i]);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(address, address_clear)

static bool take_parameters(struct address *a, const char *query, GError **error)
{
    const char *name, *value;
    g_autoptr(GHashTable) all = query != NULL
                                    ? g_uri_parse_params(query, -1, "&", G_URI_PARAMS_NONE, NULL)
                                    : g_hash_table_new(g_str_hash, g_str_equal);
    GHashTableIter i;
    if (all == NULL)
        return fail(error, ASSAY_ERROR_INVALID, "broker: the parameters after '?' are malformed");
    g_hash_table_iter_init(&i, all);
    while (g_hash_table_iter_next(&i, (void **)&name, (void **)&value)) {
        char **at = g_str_equal(name, "cacertfile") ? &a->ca
                    : g_str_equal(name, "certfile") ? &a->certificate
                    : g_str_equal(name, "keyfile")  ? &a->key
                                                    : NULL;
        if (at == NULL || !a->tls || *at != NULL)
            return fail(
                error, ASSAY_ERROR_INVALID,
                "broker: parameters are cacertfile, certfile and keyfile, of amqps:// only");
        *at = g_strdup(value);
    }
    return (a->certificate == NULL) == (a->key == NULL) ||
           fail(error, ASSAY_ERROR_INVALID, "broker: certfile and keyfile go together");
}

/* An empty path is the virtual host "/", as users of the URI specification expect (it says ""). */
static bool address_parse(const char *url, struct address *a, GError **error)
{
    g_autoptr(GUri) u =
        g_uri_parse(url, G_URI_FLAGS_HAS_PASSWORD | G_URI_FLAGS_ENCODED_QUERY, NULL);
    const char *path = u != NULL ? g_uri_get_path(u) : NULL;
    const char *host = u != NULL ? g_uri_get_host(u) : NULL;
    if (host == NULL || host[0] == '\0')
        return fail(error, ASSAY_ERROR_INVALID,
                    "broker: not of the form amqp://USER:PASSWORD@HOST:PORT/VHOST");
    a->tls = g_str_equal(g_uri_get_scheme(u), "amqps");
    a->host = g_strdup(host);
    a->port = g_uri_get_port(u) > 0 ? g_uri_get_port(u) : a->tls ? 5671 : 5672;
    a->user = g_strdup(g_uri_get_user(u) != NULL ? g_uri_get_user(u) : "guest");
    a->password = g_strdup(g_uri_get_password(u) != NULL ? g_uri_get_password(u) : "guest");
    a->vhost = g_strdup(path[0] == '/' && path[1] != '\0' ? path + 1 : "/");
    return take_parameters(a, g_uri_get_query(u), error);
}

static bool check(const char *url, GError **error)
{
    g_auto(address) a = { 0 };
    return address_parse(url, &a, error);
}

#if HAVE_RABBITMQ

#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>

#define CHANNEL         1
#define FRAME_MAX       131072
#define HEARTBEAT       20 /* seconds */
#define CONNECT_SECONDS 3
#define ANSWER_SECONDS  4   /* a broker that hangs must not keep the process from ending in time */
#define CONFIRM_WINDOW  256 /* messages sent before their confirms are awaited */

struct amqp {
    struct broker broker;
    amqp_connection_state_t state;
    char *name; /* HOST:PORT, for messages */
    bool confirms;
    uint64_t sent; /* messages on this channel, which confirms count from 1 */
};

/* Where certificates of authorities are, when the URL names no file. */
static const char *const authorities[] = { "/etc/ssl/certs/ca-certificates.crt",
                                           "/etc/pki/tls/certs/ca-bundle.crt", NULL };

static bool fail_status(struct amqp *a, const char *what, int status, GError **error)
{
    return fail(error, ASSAY_ERROR_IO, "broker %s: %s: %s", a->name, what,
                amqp_error_string2(status));
}

/* What the server said when it closed channel or connection: its text, up to a line's end. */
static bool fail_closed(struct amqp *a, const char *what, const amqp_method_t *m, GError **error)
{
    amqp_bytes_t said = amqp_empty_bytes;
    if (m->id == AMQP_CONNECTION_CLOSE_METHOD)
        said = ((amqp_connection_close_t *)m->decoded)->reply_text;
    else if (m->id == AMQP_CHANNEL_CLOSE_METHOD)
        said = ((amqp_channel_close_t *)m->decoded)->reply_text;
    g_autofree char *text = g_strndup(said.bytes != NULL ? said.bytes : "", said.len);
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    return fail(error, ASSAY_ERROR_IO, "broker %s: %s: %s", a->name, what,
                valid[0] != '\0' ? g_strdelimit(valid, "\r\n", ' ') : amqp_method_name(m->id));
}

static bool answered(struct amqp *a, const char *what, amqp_rpc_reply_t reply, GError **error)
{
    if (reply.reply_type == AMQP_RESPONSE_NORMAL)
        return true;
    if (reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION)
        return fail_closed(a, what, &reply.reply, error);
    return fail_status(a, what, reply.library_error, error);
}

/* --- connecting --------------------------------------------------------------------------------
 */

static bool prepare_tls(struct amqp *a, amqp_socket_t *socket, const struct address *to,
                        GError **error)
{
    const char *ca = to->ca;
    for (size_t i = 0; ca == NULL && authorities[i] != NULL; i++) {
        if (g_file_test(authorities[i], G_FILE_TEST_EXISTS))
            ca = authorities[i];
    }
    amqp_ssl_socket_set_verify_peer(socket, 1);
    amqp_ssl_socket_set_verify_hostname(socket, 1);
    (void)amqp_ssl_socket_set_ssl_versions(socket, AMQP_TLSv1_2, AMQP_TLSvLATEST);
    if (ca == NULL || amqp_ssl_socket_set_cacert(socket, ca) != AMQP_STATUS_OK)
        return fail(error, ASSAY_ERROR_IO, "broker %s: no certificates of authorities in %s",
                    a->name, ca != NULL ? ca : authorities[0]);
    return to->certificate == NULL ||
           amqp_ssl_socket_set_key(socket, to->certificate, to->key) == AMQP_STATUS_OK ||
           fail(error, ASSAY_ERROR_IO, "broker %s: no certificate and key in %s and %s", a->name,
                to->certificate, to->key);
}

static bool connect_to(struct amqp *a, const struct address *to, GError **error)
{
    const struct timeval patience = { .tv_sec = CONNECT_SECONDS };
    const struct timeval answer = { .tv_sec = ANSWER_SECONDS };
    amqp_socket_t *socket = to->tls ? amqp_ssl_socket_new(a->state) : amqp_tcp_socket_new(a->state);
    if (socket == NULL)
        return fail(error, ASSAY_ERROR_IO, "broker %s: no socket", a->name);
    if (to->tls && !prepare_tls(a, socket, to, error))
        return false;
    (void)amqp_set_handshake_timeout(a->state, &answer);
    (void)amqp_set_rpc_timeout(a->state, &answer);
    int status = amqp_socket_open_noblock(socket, to->host, to->port, &patience);
    return status == AMQP_STATUS_OK || fail_status(a, "connecting", status, error);
}

static bool log_in(struct amqp *a, const struct address *to, GError **error)
{
    amqp_table_entry_t entry = { .key = amqp_cstring_bytes("connection_name"),
                                 .value = { .kind = AMQP_FIELD_KIND_UTF8,
                                            .value.bytes = amqp_cstring_bytes("assay") } };
    const amqp_table_t properties = { .num_entries = 1, .entries = &entry };
    if (!answered(a, "logging in",
                  amqp_login_with_properties(a->state, to->vhost, 1, FRAME_MAX, HEARTBEAT,
                                             &properties, AMQP_SASL_METHOD_PLAIN, to->user,
                                             to->password),
                  error))
        return false;
    (void)amqp_channel_open(a->state, CHANNEL);
    return answered(a, "opening a channel", amqp_get_rpc_reply(a->state), error);
}

static void close_amqp(struct broker *b)
{
    struct amqp *a = (struct amqp *)b;
    const struct timeval brief = { .tv_sec = 1 };
    (void)amqp_set_rpc_timeout(a->state, &brief);
    if (amqp_get_sockfd(a->state) >= 0)
        (void)amqp_connection_close(a->state, AMQP_REPLY_SUCCESS);
    (void)amqp_destroy_connection(a->state);
    g_free(a->name);
    g_free(a);
}

static struct broker *open_amqp(const char *url, GError **error)
{
    g_auto(address) to = { 0 };
    if (!address_parse(url, &to, error))
        return NULL;
    struct amqp *a = g_new0(struct amqp, 1);
    a->broker.drv = &broker_amqp;
    a->state = amqp_new_connection();
    a->name = g_strdup_printf("%s:%d", to.host, to.port);
    if (connect_to(a, &to, error) && log_in(a, &to, error))
        return &a->broker;
    close_amqp(&a->broker);
    return NULL;
}

/* --- queues ------------------------------------------------------------------------------------
 */

static bool declare(struct broker *b, const struct broker_queue *q, uint64_t *waiting,
                    GError **error)
{
    struct amqp *a = (struct amqp *)b;
    amqp_bytes_t name = amqp_cstring_bytes(q->name);
    amqp_table_entry_t entry = { .key = amqp_cstring_bytes("x-queue-type"),
                                 .value = { .kind = AMQP_FIELD_KIND_UTF8,
                                            .value.bytes = amqp_cstring_bytes("quorum") } };
    const amqp_table_t quorum = { .num_entries = 1, .entries = &entry };
    amqp_queue_declare_ok_t *ok = amqp_queue_declare(a->state, CHANNEL, name, !q->make, q->make, 0,
                                                     0, q->make ? quorum : amqp_empty_table);
    uint64_t count = ok != NULL ? ok->message_count : 0;
    g_autofree char *what = g_strdup_printf("queue '%s'", q->name);
    if (!answered(a, what, amqp_get_rpc_reply(a->state), error))
        return false;
    if (q->exchange != NULL) {
        (void)amqp_queue_bind(a->state, CHANNEL, name, amqp_cstring_bytes(q->exchange),
                              amqp_cstring_bytes(q->topic), amqp_empty_table);
        g_autofree char *binding = g_strdup_printf("exchange '%s'", q->exchange);
        if (!answered(a, binding, amqp_get_rpc_reply(a->state), error))
            return false;
    }
    amqp_maybe_release_buffers(a->state);
    *waiting = count;
    return true;
}

static bool consume(struct broker *b, const char *queue, unsigned prefetch, GError **error)
{
    struct amqp *a = (struct amqp *)b;
    (void)amqp_basic_qos(a->state, CHANNEL, 0, (uint16_t)MIN(prefetch, G_MAXUINT16), 0);
    if (!answered(a, "prefetch", amqp_get_rpc_reply(a->state), error))
        return false;
    (void)amqp_basic_consume(a->state, CHANNEL, amqp_cstring_bytes(queue), amqp_empty_bytes, 0, 0,
                             0, amqp_empty_table);
    return answered(a, "consuming", amqp_get_rpc_reply(a->state), error);
}

/* --- publishing --------------------------------------------------------------------------------
 */

/* The library reads a returned message's content only when it is told to. */
static bool fail_returned(struct amqp *a, const amqp_method_t *m, GError **error)
{
    const amqp_basic_return_t *r = m->decoded;
    g_autofree char *text = g_strndup(r->reply_text.bytes, r->reply_text.len);
    return fail(error, ASSAY_ERROR_IO, "broker %s: a message came back: %s", a->name, text);
}

/* Confirms of a quorum queue come in any order, one by one or "all up to this one". */
static size_t mark(const amqp_basic_ack_t *ack, uint64_t first, size_t count, bool *done)
{
    size_t marked = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t tag = first + i;
        if (done[i] || (ack->multiple ? tag > ack->delivery_tag && ack->delivery_tag != 0
                                      : tag != ack->delivery_tag))
            continue;
        done[i] = true;
        marked++;
    }
    return marked;
}

/* Until count messages, the first of which has the number first, are confirmed. */
static bool await_confirms(struct amqp *a, uint64_t first, size_t count, GError **error)
{
    const struct timeval patience = { .tv_sec = ANSWER_SECONDS };
    bool done[CONFIRM_WINDOW] = { false };
    for (size_t confirmed = 0; confirmed < count;) {
        amqp_frame_t f;
        amqp_maybe_release_buffers(a->state);
        int status = amqp_simple_wait_frame_noblock(a->state, &f, &patience);
        if (status != AMQP_STATUS_OK)
            return fail_status(a, "awaiting confirms", status, error);
        if (f.frame_type != AMQP_FRAME_METHOD)
            continue;
        if (f.payload.method.id == AMQP_BASIC_RETURN_METHOD)
            return fail_returned(a, &f.payload.method, error);
        if (f.payload.method.id != AMQP_BASIC_ACK_METHOD)
            return fail_closed(a, "publishing", &f.payload.method, error);
        confirmed += mark(f.payload.method.decoded, first, count, done);
    }
    return true;
}

static bool publish_some(struct amqp *a, const char *queue, const char *const *bodies, size_t count,
                         GError **error)
{
    const amqp_basic_properties_t properties = {
        ._flags = AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_CONTENT_TYPE_FLAG,
        .content_type = amqp_cstring_bytes("text/plain"),
        .delivery_mode = AMQP_DELIVERY_PERSISTENT,
    };
    for (size_t i = 0; i < count; i++) {
        int status =
            amqp_basic_publish(a->state, CHANNEL, amqp_empty_bytes, amqp_cstring_bytes(queue), 1, 0,
                               &properties, amqp_cstring_bytes(bodies[i]));
        if (status != AMQP_STATUS_OK)
            return fail_status(a, "publishing", status, error);
    }
    a->sent += count;
    return await_confirms(a, a->sent - count + 1, count, error);
}

static bool publish(struct broker *b, const char *queue, const char *const *bodies, size_t count,
                    GError **error)
{
    struct amqp *a = (struct amqp *)b;
    if (!a->confirms) {
        (void)amqp_confirm_select(a->state, CHANNEL);
        if (!answered(a, "asking for confirms", amqp_get_rpc_reply(a->state), error))
            return false;
        a->confirms = true;
    }
    for (size_t i = 0; i < count; i += CONFIRM_WINDOW) {
        if (!publish_some(a, queue, bodies + i, MIN(CONFIRM_WINDOW, count - i), error))
            return false;
    }
    return true;
}

/* --- receiving ---------------------------------------------------------------------------------
 */

static void take_message(amqp_envelope_t *e, struct broker_message *m)
{
    const amqp_basic_properties_t *p = &e->message.properties;
    m->tag = e->delivery_tag;
    m->redelivered = e->redelivered != 0;
    if (e->message.body.len <= LIMIT_BROKER_MESSAGE)
        m->body = g_bytes_new(e->message.body.bytes, e->message.body.len);
    if ((p->_flags & AMQP_BASIC_MESSAGE_ID_FLAG) && p->message_id.len <= 255)
        m->id = g_strndup(p->message_id.bytes, p->message_id.len);
    amqp_destroy_envelope(e);
}

/* A frame that is no delivery: the server says that it goes. */
static bool other_frame(struct amqp *a, GError **error)
{
    const struct timeval now = { 0 };
    amqp_frame_t f;
    int status = amqp_simple_wait_frame_noblock(a->state, &f, &now);
    if (status == AMQP_STATUS_TIMEOUT)
        return true;
    if (status != AMQP_STATUS_OK)
        return fail_status(a, "receiving", status, error);
    return f.frame_type != AMQP_FRAME_METHOD ||
           fail_closed(a, "receiving", &f.payload.method, error);
}

/* What has arrived by now; m->tag stays 0 without a message. */
static bool receive(struct amqp *a, struct broker_message *m, GError **error)
{
    const struct timeval now = { 0 };
    amqp_envelope_t e;
    amqp_maybe_release_buffers(a->state);
    amqp_rpc_reply_t reply = amqp_consume_message(a->state, &e, &now, 0);
    if (reply.reply_type == AMQP_RESPONSE_NORMAL) {
        take_message(&e, m);
        return true;
    }
    if (reply.reply_type != AMQP_RESPONSE_LIBRARY_EXCEPTION)
        return answered(a, "receiving", reply, error);
    if (reply.library_error == AMQP_STATUS_TIMEOUT)
        return true;
    if (reply.library_error == AMQP_STATUS_UNEXPECTED_STATE)
        return other_frame(a, error);
    return fail_status(a, "receiving", reply.library_error, error);
}

static bool next(struct broker *b, int wake, int64_t microseconds, struct broker_message *m,
                 GError **error)
{
    struct amqp *a = (struct amqp *)b;
    if (!receive(a, m, error))
        return false;
    if (m->tag != 0)
        return true;
    struct pollfd both[] = { { .fd = amqp_get_sockfd(a->state), .events = POLLIN },
                             { .fd = wake, .events = POLLIN } };
    if (poll(both, G_N_ELEMENTS(both), (int)MIN(microseconds / 1000, G_MAXINT)) < 0 &&
        errno != EINTR)
        return fail_errno(error, errno, "broker %s", a->name);
    return both[0].revents == 0 || receive(a, m, error);
}

static bool settle(struct broker *b, uint64_t tag, enum broker_end how, GError **error)
{
    struct amqp *a = (struct amqp *)b;
    int status = how == BROKER_DONE
                     ? amqp_basic_ack(a->state, CHANNEL, tag, 0)
                     : amqp_basic_reject(a->state, CHANNEL, tag, how == BROKER_AGAIN);
    return status == AMQP_STATUS_OK || fail_status(a, "settling a message", status, error);
}

#define BUILT true
#else

static struct broker *open_amqp(const char *url, GError **error)
{
    (void)fail_unsupported(error, "broker: librabbitmq was left out when assay was built");
    return NULL;
}

#define BUILT      false
#define declare    NULL
#define publish    NULL
#define consume    NULL
#define next       NULL
#define settle     NULL
#define close_amqp NULL
#endif

static const char *const schemes[] = { "amqp", "amqps", NULL };

const struct broker_driver broker_amqp = {
    .name = "amqp",
    .description = "RabbitMQ 3.8 or newer, AMQP 0-9-1 with publisher confirms and quorum queues",
    .schemes = schemes,
    .built = BUILT,
    .check = check,
    .open = open_amqp,
    .declare = declare,
    .publish = publish,
    .consume = consume,
    .next = next,
    .settle = settle,
    .close = close_amqp,
};
