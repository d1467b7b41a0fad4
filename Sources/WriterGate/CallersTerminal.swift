#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The terminal at stdin, if the caller is in its foreground: handed to the command's group, as a shell does.
struct CallersTerminal: Sendable {
    private let own: Int32?

    var isForeground: Bool { own != nil }

    init() { own = isatty(0) == 1 && tcgetpgrp(0) == getpgrp() ? getpgrp() : nil }

    /// A command that read too soon was stopped for it; it is continued.
    func give(to group: Int32) {
        guard own != nil else { return }
        signal(SIGTTOU, SIG_IGN)
        tcsetpgrp(0, group)
        kill(-group, SIGCONT)
    }

    func takeBack() {
        if let own { tcsetpgrp(0, own) }
    }

    /// The user stopped the command (Ctrl-Z), or it wants the terminal that it does not have: we stop with it, and go
    /// on with it when the shell continues us, in the foreground or not.
    func follow(stop signal: Int32, of group: Int32) {
        guard let own, [SIGTSTP, SIGTTIN, SIGTTOU].contains(signal) else { return }
        if tcgetpgrp(0) == group { takeBack() }
        if signal == SIGTSTP || tcgetpgrp(0) != own {
            // To this thread: one sent to the process may stop it only after the lines below.
            raise(SIGSTOP)
        }
        if tcgetpgrp(0) == own { give(to: group) } else { kill(-group, SIGCONT) }
    }
}
