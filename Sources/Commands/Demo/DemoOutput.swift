import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

extension Console {
    /// The same, but a reader who leaves ends us as a signal would: processes are ended first.
    var thatOutlivesItsReader: Console {
        let isAlone = Mutex(false)
        var console = self
        let hasReader = self.writeOut
        console.writeOut = { text in
            guard !isAlone.withLock({ $0 }) else { return }
            var output = pollfd(fd: STDOUT_FILENO, events: Int16(POLLOUT), revents: 0)
            if poll(&output, 1, -1) == 1, output.revents & Int16(POLLERR) != 0 {
                isAlone.withLock { $0 = true }
                kill(getpid(), SIGHUP)
            } else {
                hasReader(text)
            }
        }
        return console
    }
}
