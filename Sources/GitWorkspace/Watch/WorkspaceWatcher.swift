import Dispatch
import Logging
import Primitives
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Says that something below a folder may have changed. What has changed, a scan tells: a watcher misses and repeats.
///
/// Linux: inotify, one watch a folder. Elsewhere, and when the system has too few watches, the folder is said to have
/// changed every `Limits.watchPoll`.
package final class WorkspaceWatcher: Sendable {
    /// Coalesced: however much happened since the last one, there is at most one waiting.
    package let changes: AsyncStream<Void>
    private let sink: AsyncStream<Void>.Continuation
    private let root: String
    private let logger: Logger
    private let queue = DispatchQueue(label: "baton.watch")
    private let state = Mutex(State())

    private struct State {
        var descriptor: Int32 = -1
        /// Watch descriptor to folder.
        var folders: [Int32: String] = [:]
        var source: SharedSource?
        var poll: SharedSource?
    }

    // Proof: a dispatch source may be resumed and cancelled from any thread; nothing else is done with it here.
    private struct SharedSource: @unchecked Sendable {
        let source: any DispatchSourceProtocol
    }

    package init(root: String, logger: Logger) {
        self.root = root
        self.logger = logger
        (changes, sink) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        sink.onTermination = { [weak self] _ in self?.stop() }
        start()
    }

    deinit { stop() }

    private func stop() {
        state.withLock { state in
            state.source?.source.cancel()
            state.poll?.source.cancel()
            state = State()
        }
    }

    private func startPolling(because reason: String) {
        logger.warning(
            "changes are found by looking, not by being told",
            metadata: ["reason": "\(reason)", "every": "\(Limits.watchPoll)"])
        let timer = DispatchSource.makeTimerSource(queue: queue)
        let interval = Int(Limits.watchPoll.wholeMilliseconds)
        timer.schedule(deadline: .now() + .milliseconds(interval), repeating: .milliseconds(interval))
        timer.setEventHandler { [sink] in sink.yield() }
        let shared = SharedSource(source: timer)
        state.withLock { state in
            guard state.poll == nil else { return }
            state.poll = shared
            shared.source.resume()
        }
    }

    #if os(Linux)
        private static let mask = UInt32(
            IN_CLOSE_WRITE | IN_MODIFY | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB | IN_ONLYDIR
                | IN_DONT_FOLLOW)

        private func start() {
            let descriptor = inotify_init1(Int32(IN_NONBLOCK | IN_CLOEXEC))
            guard descriptor >= 0 else { return startPolling(because: String(cString: strerror(errno))) }
            let source = DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: queue)
            source.setEventHandler { [weak self] in self?.readEvents(descriptor) }
            source.setCancelHandler { close(descriptor) }
            let shared = SharedSource(source: source)
            state.withLock { state in
                state.descriptor = descriptor
                state.source = shared
            }
            shared.source.resume()
            queue.async { [self] in watch(root) }
        }

        /// Watches a folder and those below it; called on the queue. Nothing of git's is watched.
        private func watch(_ folder: String) {
            var waiting = [folder]
            while let next = waiting.popLast() {
                let isWatched = state.withLock { state -> Bool in
                    guard state.descriptor >= 0 else { return false }
                    let watch = inotify_add_watch(state.descriptor, next, Self.mask)
                    guard watch >= 0 else { return errno != ENOSPC }
                    state.folders[watch] = next
                    return true
                }
                guard isWatched else {
                    return startPolling(because: "the system allows too few watches (fs.inotify.max_user_watches)")
                }
                waiting += Self.folders(in: next)
            }
            sink.yield()
        }

        private static func folders(in folder: String) -> [String] {
            guard let directory = opendir(folder) else { return [] }
            defer { closedir(directory) }
            var found: [String] = []
            while let entry = readdir(directory) {
                guard entry.pointee.d_type == UInt8(DT_DIR) || entry.pointee.d_type == UInt8(DT_UNKNOWN) else {
                    continue
                }
                let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                    String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
                }
                if name != ".", name != "..", name != ".git" { found.append(folder + "/" + name) }
            }
            return found
        }

        private func readEvents(_ descriptor: Int32) {
            var buffer = [UInt8](repeating: 0, count: 64 << 10)
            while true {
                let count = read(descriptor, &buffer, buffer.count)
                guard count > 0 else { break }
                handle(buffer[..<count])
            }
            sink.yield()
        }

        /// The kernel's records: watch, mask, cookie, length (4 bytes each), then the name, padded with zeros.
        private func handle(_ bytes: ArraySlice<UInt8>) {
            var rest = bytes
            while rest.count >= 16 {
                let numbers = rest.withUnsafeBytes { raw in
                    (
                        watch: raw.loadUnaligned(fromByteOffset: 0, as: Int32.self),
                        mask: raw.loadUnaligned(fromByteOffset: 4, as: UInt32.self),
                        length: Int(raw.loadUnaligned(fromByteOffset: 12, as: UInt32.self))
                    )
                }
                let name = rest.dropFirst(16).prefix(numbers.length).prefix { $0 != 0 }
                rest = rest.dropFirst(16 + numbers.length)
                if numbers.mask & UInt32(IN_Q_OVERFLOW) != 0 {
                    watch(root)
                } else if numbers.mask & UInt32(IN_IGNORED) != 0 {
                    state.withLock { _ = $0.folders.removeValue(forKey: numbers.watch) }
                } else if numbers.mask & UInt32(IN_ISDIR) != 0, numbers.mask & UInt32(IN_CREATE | IN_MOVED_TO) != 0,
                    let folder = state.withLock({ $0.folders[numbers.watch] })
                {
                    let name = String(decoding: name, as: UTF8.self)
                    if name != ".git" { watch(folder + "/" + name) }
                }
            }
        }
    #else
        private func start() { startPolling(because: "this system has no inotify") }
    #endif
}
