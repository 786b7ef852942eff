// What .NET Core 3.1 asks of OpenSSL 1.1 and OpenSSL 3 calls otherwise; all else it finds in OpenSSL 3, which this is linked
// with. Guarantees: only names. Does not do: keep the reasons of errors, which .NET adds to its own.

extern void *SSL_get1_peer_certificate(const void *connection);
extern int EVP_MD_get_size(const void *digest);

void *SSL_get_peer_certificate(const void *connection) { return SSL_get1_peer_certificate(connection); }

int EVP_MD_size(const void *digest) { return EVP_MD_get_size(digest); }

void ERR_put_error(int library, int function, int reason, const char *file, int line) {}
