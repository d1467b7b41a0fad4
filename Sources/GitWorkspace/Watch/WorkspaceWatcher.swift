import CSystemCalls
import Dispatch
import Logging
import Primitives
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What may have changed since the last question.
package struct WatchedChanges: Hashable, Sendable {
    /// Set: everything may have changed, and why nothing better is known.
    package var everything: String?
    /// Folders, relative to the root, in which something may have changed; nothing is said of those below them.
    package var folders: Set<[UInt8]> = []
    /// Files and folders that were deleted or moved away, the first `Limits.writesRemembered`, and when that was heard
    /// of, on the clock that stamps files: nanoseconds since 1970.
    package var gone: [[UInt8]: Int64] = [:]
}

/// Says in which folders something may have changed. What has changed, a scan tells: a watcher repeats, and where it
/// may have missed something it says so.
///
/// Linux: inotify, one watch a folder. Elsewhere, and when the system has too few watches, everything is said to have
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
        var folders: [Int32: [UInt8]] = [:]
        var source: SharedSource?
        var poll: SharedSource?
        var changed = WatchedChanges(everything: "the watch has just begun")
        /// Folders of which nothing is wanted.
        var skips: @Sendable ([UInt8]) -> Bool = { _ in false }
        /// Set: no answer but "everything" is to be had.
        var blindness: String?
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

    /// What may have changed since the last call. Complete: what was done to a file before this call is in the answer.
    package func take() -> WatchedChanges {
        catchUp()
        return state.withLock { state in
            defer { state.changed = WatchedChanges(everything: state.blindness) }
            return state.changed
        }
    }

    /// What was done before this call is known by now, with a moment that is not later.
    package func catchUp() {
        #if os(Linux)
            queue.sync {
                let descriptor = state.withLock { $0.descriptor }
                if descriptor >= 0 { readEvents(descriptor) }
            }
        #endif
    }

    /// From now on folders for which `skips` is true are not watched any more when they are met; others are, again.
    package func skip(_ skips: @escaping @Sendable ([UInt8]) -> Bool) {
        state.withLock { $0.skips = skips }
        #if os(Linux)
            queue.async { [self] in watch([]) }
        #endif
    }

    /// From now on a scan has to look everywhere.
    private func goBlind(because reason: String) {
        state.withLock { state in
            state.blindness = reason
            state.changed.everything = reason
        }
        startPolling(because: reason)
    }

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
            guard descriptor >= 0 else { return goBlind(because: String(cString: strerror(errno))) }
            let source = DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: queue)
            source.setEventHandler { [weak self] in
                self?.readEvents(descriptor)
                self?.sink.yield()
            }
            source.setCancelHandler { close(descriptor) }
            let shared = SharedSource(source: source)
            state.withLock { state in
                state.descriptor = descriptor
                state.source = shared
            }
            shared.source.resume()
            queue.async { [self] in
                if let reason = Self.remoteFileSystem(root) { goBlind(because: reason) }
                watch([])
                sink.yield()
            }
        }

        /// Watches a folder and those below it, all of which may have changed; called on the queue. Nothing of git's is
        /// watched.
        private func watch(_ folder: [UInt8]) {
            let skips = state.withLock { $0.skips }
            var waiting = [folder]
            while let next = waiting.popLast() {
                if !next.isEmpty, skips(next) { continue }
                let path = Array(root.utf8) + (next.isEmpty ? [] : [47] + next)
                let code = state.withLock { state -> Int32 in
                    state.changed.folders.insert(next)
                    guard state.descriptor >= 0 else { return 0 }
                    let watch = inotify_add_watch(state.descriptor, FolderReader.terminated(path), Self.mask)
                    guard watch >= 0 else { return errno }
                    state.folders[watch] = next
                    return 0
                }
                if code == ENOSPC { return tooFewWatches() }
                waiting += Self.folders(in: path).map { Self.join(next, $0) }
            }
        }

        private func tooFewWatches() {
            let (isBlind, watched) = state.withLock { ($0.blindness != nil, $0.folders.count) }
            if isBlind { return }
            var needed = 0
            var waiting = [Array(root.utf8)]
            while let next = waiting.popLast() {
                needed += 1
                waiting += Self.folders(in: next).map { next + [47] + $0 }
            }
            let file = "/proc/sys/fs/inotify/max_user_watches"
            let limit = DurableFile.read(file).map(UserRepository.line) ?? "unknown"
            goBlind(
                because: "the workspace needs \(needed) watches and got \(watched); "
                    + "fs.inotify.max_user_watches, for all programs together, is \(limit)")
        }

        /// File systems that others change without our kernel seeing it.
        private static func remoteFileSystem(_ root: String) -> String? {
            // NFS, SMB, CIFS, 9p, FUSE, Ceph, AFS.
            let remote: [Int64] = [0x6969, 0x517B, 0xFF53_4D42, 0x0102_1997, 0x6573_5546, 0x00C3_6400, 0x6B41_4653]
            return remote.contains(csystem_file_system_type(root))
                ? "the file system can change without this kernel noticing" : nil
        }

        private static func folders(in folder: [UInt8]) -> [[UInt8]] {
            guard let directory = opendir(FolderReader.terminated(folder)) else { return [] }
            defer { closedir(directory) }
            var found: [[UInt8]] = []
            while let entry = readdir(directory) {
                guard entry.pointee.d_type == UInt8(DT_DIR) || entry.pointee.d_type == UInt8(DT_UNKNOWN) else {
                    continue
                }
                let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in Array(bytes.prefix { $0 != 0 }) }
                if name != [46], name != [46, 46], name != Self.dotGit { found.append(name) }
            }
            return found
        }

        private static let dotGit = Array(".git".utf8)

        private func readEvents(_ descriptor: Int32) {
            withUnsafeTemporaryAllocation(byteCount: 64 << 10, alignment: 8) { buffer in
                while true {
                    let count = read(descriptor, buffer.baseAddress, buffer.count)
                    guard count > 0 else { break }
                    handle(Array(buffer[..<count])[...])
                }
            }
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
                let name = Array(rest.dropFirst(16).prefix(numbers.length).prefix { $0 != 0 })
                rest = rest.dropFirst(16 + numbers.length)
                take(watch: numbers.watch, mask: numbers.mask, name: name)
            }
        }

        private func take(watch number: Int32, mask: UInt32, name: [UInt8]) {
            if mask & UInt32(IN_Q_OVERFLOW) != 0 {
                state.withLock { $0.changed.everything = "the system's queue of changes ran over" }
                return watch([])
            }
            let folder = state.withLock { state -> [UInt8]? in
                if mask & UInt32(IN_IGNORED) != 0 { return state.folders.removeValue(forKey: number) }
                guard let folder = state.folders[number] else { return nil }
                state.changed.folders.insert(folder)
                if mask & UInt32(IN_DELETE | IN_MOVED_FROM) != 0, state.changed.gone.count < Limits.writesRemembered {
                    state.changed.gone[Self.join(folder, name)] = csystem_file_clock_nanoseconds()
                }
                return folder
            }
            guard let folder, mask & UInt32(IN_ISDIR) != 0, mask & UInt32(IN_CREATE | IN_MOVED_TO) != 0 else { return }
            if name != Self.dotGit { watch(Self.join(folder, name)) }
        }

        private static func join(_ folder: [UInt8], _ name: [UInt8]) -> [UInt8] {
            folder.isEmpty ? name : folder + [47] + name
        }
    #else
        private func start() { goBlind(because: "this system has no inotify") }
    #endif
}
