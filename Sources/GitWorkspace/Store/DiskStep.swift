#if DEBUG
    import Synchronization
#endif

/// The moments before and after everything that a workspace writes: a pack, a ref, a file of ours, one of the user's,
/// a git process. In a debug build a test can end its process at one of them, or let the disk refuse what comes next;
/// in a release build there is nothing here.
enum DiskStep {
    #if DEBUG
        /// Gets what comes next, and the file or folder that it concerns. Not zero: the errno with which it fails.
        typealias Hook = @Sendable (_ what: String, _ path: String) -> Int32

        private static let hook = Mutex<Hook?>(nil)

        static func listen(_ hook: Hook?) { Self.hook.withLock { $0 = hook } }

        /// Zero, unless a test lets the step fail.
        static func code(_ what: String, _ path: String) -> Int32 {
            guard let hook = hook.withLock({ $0 }) else { return 0 }
            return hook(what, path)
        }
    #else
        @inline(__always) static func code(_ what: String, _ path: @autoclosure () -> String) -> Int32 { 0 }
    #endif

    /// Something is about to be written.
    static func before(_ what: String, _ path: @autoclosure () -> String) throws(GitError) {
        #if DEBUG
            let path = path()
            let code = code(what, path)
            if code != 0 { throw DurableFile.failure(path, code) }
        #endif
    }

    /// The same within an apply.
    static func apply(_ what: String) throws(ApplyError) {
        #if DEBUG
            let code = code(what, "")
            if code != 0 { throw ApplyError.system(operation: what, path: "", code: code) }
        #endif
    }

    /// Something was written: whoever ends here has done it.
    static func after(_ what: String, _ path: @autoclosure () -> String) {
        #if DEBUG
            _ = code("done: " + what, path())
        #endif
    }
}
