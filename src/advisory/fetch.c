#include "advisory/fetch.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/autoclose.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/number.h"
#include "config.h"

enum { TRIES = 4, REDIRECTS = 5, CONNECT_SECONDS = 15, STALL_SECONDS = 30 };

struct transfer {
    const struct fetch_request *request;
    CURL *curl;
    int fd;                /* of the part file */
    char *part, *tag_path; /* ... and of the file that says which version it is of */
    char *part_tag;        /* entity tag or date the part was begun under; NULL */
    uint64_t have;         /* bytes in the part file */
    bool started;          /* the body of this answer has begun */
    GError *error;         /* from within a callback */
    /* what the answer says */
    char *etag, *modified, *md5, *sha256;
    uint64_t range_from;
    bool has_range;
};

void fetch_result_done(struct fetch_result *r)
{
    g_clear_pointer(&r->etag, g_free);
    g_clear_pointer(&r->modified, g_free);
}

/* --- the answer's header ---------------------------------------------------------------------- */

static void forget_answer(struct transfer *t)
{
    g_clear_pointer(&t->etag, g_free);
    g_clear_pointer(&t->modified, g_free);
    g_clear_pointer(&t->md5, g_free);
    g_clear_pointer(&t->sha256, g_free);
    t->has_range = false;
    t->started = false;
}

/* Base64 of a digest as hex; NULL when it is not one of that length. */
static char *hex_of_base64(const char *text, size_t len, gsize bytes)
{
    g_autofree char *copy = g_strndup(text, len);
    gsize n;
    g_autofree guchar *raw = g_base64_decode(copy, &n);
    if (raw == NULL || n != bytes)
        return NULL;
    GString *hex = g_string_new(NULL);
    for (gsize i = 0; i < n; i++)
        g_string_append_printf(hex, "%02x", raw[i]);
    return g_string_free(hex, FALSE);
}

/* "x-goog-hash: crc32c=…,md5=…" of the OSV bucket; "repr-digest: sha-256=:…:" of RFC 9530. */
static void take_digest(struct transfer *t, const char *value)
{
    const char *md5 = strstr(value, "md5=");
    if (md5 != NULL && t->md5 == NULL)
        t->md5 = hex_of_base64(md5 + 4, strcspn(md5 + 4, ", \r\n"), 16);
    const char *sha = strstr(value, "sha-256=:");
    if (sha != NULL && t->sha256 == NULL)
        t->sha256 = hex_of_base64(sha + 9, strcspn(sha + 9, ":\r\n"), 32);
}

/* "bytes 100-199/200" */
static void take_range(struct transfer *t, const char *value)
{
    const char *from = g_str_has_prefix(value, "bytes ") ? value + 6 : value;
    t->has_range = parse_u64(from, strcspn(from, "-"), &t->range_from);
}

static size_t on_header(char *bytes, size_t size, size_t count, void *user)
{
    struct transfer *t = user;
    size_t len = size * count;
    g_autofree char *line = g_strndup(bytes, len);
    g_strchomp(line);
    if (g_str_has_prefix(line, "HTTP/"))
        forget_answer(t); /* of a redirection */
    char *colon = strchr(line, ':');
    if (colon == NULL)
        return len;
    *colon = '\0';
    const char *value = g_strchug(colon + 1);
    if (g_ascii_strcasecmp(line, "etag") == 0 && t->etag == NULL)
        t->etag = g_strdup(value);
    else if (g_ascii_strcasecmp(line, "last-modified") == 0 && t->modified == NULL)
        t->modified = g_strdup(value);
    else if (g_ascii_strcasecmp(line, "content-range") == 0)
        take_range(t, value);
    else if (g_ascii_strcasecmp(line, "x-goog-hash") == 0 ||
             g_ascii_strcasecmp(line, "repr-digest") == 0)
        take_digest(t, value);
    return len;
}

/* --- the body --------------------------------------------------------------------------------- */

/* What makes an answer the same version as another one: a strong entity tag, else the date. */
static const char *version_tag(const struct transfer *t)
{
    if (t->etag != NULL && !g_str_has_prefix(t->etag, "W/"))
        return t->etag;
    return t->modified;
}

static bool begin_body(struct transfer *t)
{
    long code = 0;
    (void)curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &code);
    t->started = true;
    if (code == 206) {
        if (!t->has_range || t->range_from != t->have)
            return fail(&t->error, ASSAY_ERROR_IO,
                        "%s: the server sent another part than asked for", t->request->url);
        return true;
    }
    if (ftruncate(t->fd, 0) != 0)
        return fail_errno(&t->error, errno, "%s", t->part);
    t->have = 0;
    g_free(t->part_tag);
    t->part_tag = g_strdup(version_tag(t));
    (void)g_file_set_contents(t->tag_path, t->part_tag != NULL ? t->part_tag : "", -1, NULL);
    return true;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *user)
{
    struct transfer *t = user;
    size_t len = size * count;
    long code = 0;
    (void)curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &code);
    if (code >= 300)
        return len; /* the page that says so */
    if (!t->started && !begin_body(t))
        return 0;
    if (t->have + len > LIMIT_FEED_DOWNLOAD) {
        (void)fail_limit(&t->error, "%s: larger than %llu bytes", t->request->url,
                         (unsigned long long)LIMIT_FEED_DOWNLOAD);
        return 0;
    }
    for (size_t done = 0; done < len;) {
        ssize_t n = pwrite(t->fd, bytes + done, len - done, (off_t)(t->have + done));
        if (n < 0 && errno != EINTR) {
            (void)fail_errno(&t->error, errno, "%s", t->part);
            return 0;
        }
        done += n > 0 ? (size_t)n : 0;
    }
    t->have += len;
    return len;
}

static int on_progress(void *user, curl_off_t total, curl_off_t now, curl_off_t up_total,
                       curl_off_t up)
{
    const struct transfer *t = user;
    if (t->request->progress != NULL)
        t->request->progress(
            t->request->url, t->have,
            total > 0 ? t->have - (uint64_t)MIN((uint64_t)now, t->have) + (uint64_t)total : 0,
            t->request->user);
    return 0;
}

/* --- one try ---------------------------------------------------------------------------------- */

static struct curl_slist *headers_of(const struct transfer *t)
{
    const struct fetch_request *r = t->request;
    struct curl_slist *list = NULL;
    if (t->have > 0) {
        /* The rest of the version that was begun, or all of a newer one. */
        g_autofree char *range = g_strdup_printf("Range: bytes=%" G_GUINT64_FORMAT "-", t->have);
        g_autofree char *condition = g_strdup_printf("If-Range: %s", t->part_tag);
        list = curl_slist_append(list, range);
        return curl_slist_append(list, condition);
    }
    if (r->etag != NULL) {
        g_autofree char *line = g_strdup_printf("If-None-Match: %s", r->etag);
        list = curl_slist_append(list, line);
    }
    if (r->modified != NULL) {
        g_autofree char *line = g_strdup_printf("If-Modified-Since: %s", r->modified);
        list = curl_slist_append(list, line);
    }
    return list;
}

static CURLcode perform(struct transfer *t, long *code)
{
    CURL *c = t->curl;
    struct curl_slist *headers = headers_of(t);
    forget_answer(t);
    curl_easy_reset(c);
    (void)curl_easy_setopt(c, CURLOPT_URL, t->request->url);
    (void)curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https,file");
    (void)curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 1L);
    (void)curl_easy_setopt(c, CURLOPT_MAXREDIRS, (long)REDIRECTS);
    (void)curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
    (void)curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
    (void)curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)STALL_SECONDS);
    (void)curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(c, CURLOPT_USERAGENT, "assay/" ASSAY_VERSION);
    (void)curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
    (void)curl_easy_setopt(c, CURLOPT_HEADERDATA, t);
    (void)curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
    (void)curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
    (void)curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
    (void)curl_easy_setopt(c, CURLOPT_XFERINFODATA, t);
    CURLcode done = curl_easy_perform(c);
    *code = 0;
    (void)curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, code);
    curl_slist_free_all(headers);
    return done;
}

static bool is_transient(CURLcode done)
{
    return done == CURLE_PARTIAL_FILE || done == CURLE_RECV_ERROR || done == CURLE_GOT_NOTHING ||
           done == CURLE_OPERATION_TIMEDOUT || done == CURLE_SEND_ERROR ||
           done == CURLE_HTTP2_STREAM;
}

static bool is_unreachable(CURLcode done)
{
    return done == CURLE_COULDNT_RESOLVE_HOST || done == CURLE_COULDNT_RESOLVE_PROXY ||
           done == CURLE_COULDNT_CONNECT;
}

/* --- the whole -------------------------------------------------------------------------------- */

static bool open_part(struct transfer *t, GError **error)
{
    t->fd = open(t->part, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    struct stat st;
    if (t->fd < 0 || fstat(t->fd, &st) != 0)
        return fail_errno(error, errno, "%s", t->part);
    /* Without knowing which version it is of, a part cannot be gone on with. */
    if (g_file_get_contents(t->tag_path, &t->part_tag, NULL, NULL) && *t->part_tag != '\0')
        t->have = (uint64_t)st.st_size;
    return true;
}

static bool check_sum(const struct transfer *t, GChecksumType type, const char *expected,
                      GError **error)
{
    if (expected == NULL)
        return true;
    g_autoptr(GChecksum) sum = g_checksum_new(type);
    g_autofree uint8_t *buffer = g_malloc(256 << 10);
    uint64_t at = 0;
    for (;;) {
        ssize_t n = pread(t->fd, buffer, 256 << 10, (off_t)at);
        if (n < 0)
            return fail_errno(error, errno, "%s", t->part);
        if (n == 0)
            break;
        g_checksum_update(sum, buffer, n);
        at += (uint64_t)n;
    }
    if (g_ascii_strcasecmp(g_checksum_get_string(sum), expected) == 0)
        return true;
    (void)unlink(t->part);
    (void)unlink(t->tag_path);
    return fail_corrupt(error, "%s: what came has checksum %s, not %s", t->request->url,
                        g_checksum_get_string(sum), expected);
}

static bool finish(struct transfer *t, struct fetch_result *out, GError **error)
{
    if (!check_sum(t, G_CHECKSUM_SHA256, t->request->sha256, error) ||
        !check_sum(t, G_CHECKSUM_SHA256, t->sha256, error) ||
        !check_sum(t, G_CHECKSUM_MD5, t->md5, error))
        return false;
    if (fsync(t->fd) != 0 || rename(t->part, t->request->path) != 0)
        return fail_errno(error, errno, "%s", t->request->path);
    (void)unlink(t->tag_path);
    out->etag = g_strdup(t->etag);
    out->modified = g_strdup(t->modified);
    time_t date = t->modified != NULL ? curl_getdate(t->modified, NULL) : -1;
    out->date = date > 0 ? (int64_t)date : 0;
    if (out->date > 0) {
        const struct timespec times[2] = { { .tv_sec = date }, { .tv_sec = date } };
        (void)utimensat(AT_FDCWD, t->request->path, times, 0);
    }
    return true;
}

/* True when it is done, one way or the other; *ok then tells how. */
static bool judge_try(struct transfer *t, CURLcode done, long code, unsigned tries,
                      struct fetch_result *out, bool *ok, GError **error)
{
    const char *url = t->request->url;
    *ok = false;
    if (t->error != NULL) {
        g_propagate_error(error, g_steal_pointer(&t->error));
        return true;
    }
    if (done == CURLE_OK && code == 304) {
        *ok = out->unchanged = true;
        return true;
    }
    if (done == CURLE_OK && (code == 200 || code == 206 || code == 0)) {
        /* An empty body does not come to on_body(). */
        *ok = (t->started || begin_body(t)) && finish(t, out, error);
        return true;
    }
    if (done == CURLE_OK && code == 416 && t->have > 0 && tries < TRIES) {
        t->have = 0; /* the part is of nothing that is there now: from the beginning */
        return false;
    }
    if ((is_transient(done) || (done == CURLE_OK && code >= 500)) && tries < TRIES) {
        if (t->part_tag == NULL || *t->part_tag == '\0')
            t->have = 0;
        return false;
    }
    out->unreachable = is_unreachable(done);
    if (done == CURLE_OK)
        (void)fail(error, code == 404 ? ASSAY_ERROR_NOT_FOUND : ASSAY_ERROR_IO,
                   "%s: the server answered %ld", url, code);
    else
        (void)fail(error, ASSAY_ERROR_IO, "%s: %s", url, curl_easy_strerror(done));
    return true;
}

bool fetch(const struct fetch_request *request, struct fetch_result *result, GError **error)
{
    *result = (struct fetch_result){ 0 };
    struct transfer t = { .request = request, .fd = -1, .curl = curl_easy_init() };
    t.part = g_strdup_printf("%s.part", request->path);
    t.tag_path = g_strdup_printf("%s.part.tag", request->path);
    bool ok = t.curl != NULL ? open_part(&t, error)
                             : fail(error, ASSAY_ERROR_IO, "libcurl cannot be started");
    for (unsigned tries = 1; ok; tries++) {
        long code;
        CURLcode done = perform(&t, &code);
        if (judge_try(&t, done, code, tries, result, &ok, error))
            break;
        ok = true;
    }
    if (t.fd >= 0)
        (void)close(t.fd);
    if (result->unchanged || (!ok && t.have == 0)) {
        (void)unlink(t.part);
        (void)unlink(t.tag_path);
    }
    forget_answer(&t);
    g_clear_error(&t.error);
    curl_easy_cleanup(t.curl);
    g_free(t.part);
    g_free(t.tag_path);
    g_free(t.part_tag);
    return ok;
}
