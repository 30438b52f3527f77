/** What a wrong command line gets to see, after the reason. */
export const usage = `Usage: check_happo monitor -H HOST [-P PORT] [-X PROXY[:PORT]]... -p PLUGIN
                           [-o OPTION] [-t SECONDS] [-v]
       check_happo --help
`;

/** The whole help. */
export const help = `check_happo: runs a Nagios plugin through happo-agent

${usage}
Options of monitor:
  -H, --host HOST             agent that runs the plugin: a name, an IPv4 or an
                              IPv6 address, [ADDRESS]:PORT
  -P, --port PORT             its port (6777)
  -X, --proxy PROXY[:PORT]    agent on the way to it (port 6777); may be
                              repeated, the first one is connected to
  -p, --plugin_name PLUGIN    name of the plugin
  -o, --plugin_option OPTION  its command line, as one argument
  -t, --timeout SECONDS       for the whole request (60; 0: no limit)
  -v, --verbose               tells on standard error what goes over the wire
      --ca-file FILE          CA that must have signed the certificate of the
                              agent that is connected to
      --fingerprint SHA256    or the certificate that it must have; without the
                              two nothing is verified

Prints what the plugin printed and ends with its exit status. An agent that
cannot be reached, or fails, is CRITICAL (2): "ERROR(happo-agent): ...". An
agent on the way that ran out of time is UNKNOWN (3), and so is a wrong command
line.

Example:
  check_happo monitor -H web01 -X bastion -p check_procs -o '-w 100 -c 200'
`;
