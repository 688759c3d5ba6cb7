#include "inspect/pgp_signature.h"

#include "base/cursor.h"

enum {
    PACKET_SIGNATURE = 2,
    SUBPACKET_ISSUER = 16,
    SUBPACKET_ISSUER_FINGERPRINT = 33,
    FINGERPRINT_SIZE_V4 = 20,
    FINGERPRINT_SIZE_V6 = 32,
};

/* RFC 9580, 4.2.1 for packets and 5.2.3.7 for subpackets, which share these forms. */
static bool read_new_length(struct cursor *c, uint32_t *out)
{
    uint8_t first, second;
    if (!rd_u8(c, &first))
        return false;
    if (first < 192) {
        *out = first;
        return true;
    }
    if (first == 255)
        return rd_be32(c, out);
    if (first >= 224 || !rd_u8(c, &second)) /* parts of unknown length are not for signatures */
        return false;
    *out = ((uint32_t)(first - 192) << 8) + second + 192;
    return true;
}

static bool read_old_length(struct cursor *c, unsigned kind, uint32_t *out)
{
    uint8_t u8;
    uint16_t u16;
    switch (kind) {
    case 0:
        if (!rd_u8(c, &u8))
            return false;
        *out = u8;
        return true;
    case 1:
        if (!rd_be16(c, &u16))
            return false;
        *out = u16;
        return true;
    case 2:
        return rd_be32(c, out);
    default: /* to the end of the file */
        *out = (uint32_t)cursor_left(c);
        return true;
    }
}

/* The body of the first packet, which has to be a signature. */
static bool read_packet(struct cursor *c, struct cursor *body)
{
    uint8_t head;
    uint32_t len;
    if (!rd_u8(c, &head) || (head & 0x80) == 0)
        return false;
    bool new_form = (head & 0x40) != 0;
    unsigned tag = new_form ? head & 0x3f : (head >> 2) & 0x0f;
    if (tag != PACKET_SIGNATURE ||
        !(new_form ? read_new_length(c, &len) : read_old_length(c, head & 3, &len)))
        return false;
    return rd_sub(c, len, body);
}

/* The id is the end of a version 4 fingerprint, and the start of a version 6 one. */
static bool fingerprint_id(struct cursor *c, uint8_t id[PGP_KEY_ID_SIZE])
{
    uint8_t version;
    if (!rd_u8(c, &version))
        return false;
    if (version == 4 && cursor_left(c) == FINGERPRINT_SIZE_V4)
        return cursor_skip(c, FINGERPRINT_SIZE_V4 - PGP_KEY_ID_SIZE) &&
               rd_copy(c, id, PGP_KEY_ID_SIZE);
    return version == 6 && cursor_left(c) == FINGERPRINT_SIZE_V6 && rd_copy(c, id, PGP_KEY_ID_SIZE);
}

static bool subpackets_issuer(struct cursor *c, uint8_t id[PGP_KEY_ID_SIZE])
{
    uint32_t len;
    struct cursor sub;
    uint8_t type;
    while (read_new_length(c, &len) && rd_sub(c, len, &sub) && rd_u8(&sub, &type)) {
        type &= 0x7f; /* the highest bit says critical */
        if (type == SUBPACKET_ISSUER && rd_copy(&sub, id, PGP_KEY_ID_SIZE))
            return true;
        if (type == SUBPACKET_ISSUER_FINGERPRINT && fingerprint_id(&sub, id))
            return true;
    }
    return false;
}

/* Two areas of subpackets, hashed and not; lengths have 2 bytes, in version 6 they have 4. */
static bool areas_issuer(struct cursor *c, bool wide, uint8_t id[PGP_KEY_ID_SIZE])
{
    for (int area = 0; area < 2; area++) {
        uint16_t narrow = 0;
        uint32_t len = 0;
        struct cursor sub;
        if (!(wide ? rd_be32(c, &len) : rd_be16(c, &narrow)) ||
            !rd_sub(c, wide ? len : narrow, &sub))
            return false;
        if (subpackets_issuer(&sub, id))
            return true;
    }
    return false;
}

bool pgp_signature_key_id(const void *bytes, size_t len, uint8_t id[PGP_KEY_ID_SIZE])
{
    struct cursor c = cursor_of(bytes, len), body;
    uint8_t version;
    if (!read_packet(&c, &body) || !rd_u8(&body, &version))
        return false;
    switch (version) {
    case 2:
    case 3: /* length of hashed material, type, time, key id */
        return cursor_skip(&body, 1 + 1 + 4) && rd_copy(&body, id, PGP_KEY_ID_SIZE);
    case 4:
    case 6: /* type, public key algorithm, hash algorithm */
        return cursor_skip(&body, 3) && areas_issuer(&body, version == 6, id);
    default:
        return false;
    }
}
