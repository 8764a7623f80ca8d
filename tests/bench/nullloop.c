/* Reads a capture with libpcap and does nothing with it: what a replay's CPU time is compared to. */
#include <pcap/pcap.h>
#include <stdio.h>

static void nothing(u_char *user, const struct pcap_pkthdr *header, const u_char *bytes)
{
    (void)user;
    (void)header;
    (void)bytes;
}

int main(int argc, char **argv)
{
    char why[PCAP_ERRBUF_SIZE];
    if (argc != 2) {
        fprintf(stderr, "usage: nullloop CAPTURE\n");
        return 2;
    }
    pcap_t *capture = pcap_open_offline(argv[1], why);
    if (!capture) {
        fprintf(stderr, "nullloop: %s\n", why);
        return 1;
    }
    int status = pcap_loop(capture, -1, nothing, NULL);
    pcap_close(capture);
    return status == 0 ? 0 : 1;
}
