/// The whole environment of every git process. Nothing is inherited, no file of the machine or the user configures it.
enum GitEnvironment {
    /// What the file system that holds the workspace can do, probed and never believed from a configuration.
    package struct FileSystem: Sendable, Equatable {
        package var executableBits = true
        package var symbolicLinks = true
        package var ignoresCase = false
    }

    /// Harmless flaws of old, honest histories: they are let through, or half of the world's repositories could not
    /// be synced. What could write outside of a workspace or run something stays an error.
    static let toleratedFlaws =
        "zeroPaddedFilemode=ignore,badTimezone=ignore,missingSpaceBeforeDate=ignore,missingSpaceBeforeEmail=ignore,"
        + "missingEmail=ignore,badEmail=ignore,missingNameBeforeEmail=ignore,badDate=ignore,badDateOverflow=ignore,"
        + "gitmodulesUrl=ignore,gitmodulesName=ignore,gitmodulesUpdate=ignore,gitmodulesPath=ignore"

    private static func settings(_ files: FileSystem) -> [(String, String)] {
        var settings = [
            ("core.hooksPath", "/dev/null"), ("core.fsmonitor", "false"), ("core.untrackedCache", "false"),
            ("core.excludesFile", "/dev/null"), ("core.attributesFile", "/dev/null"), ("core.autocrlf", "false"),
            ("core.safecrlf", "false"), ("core.fileMode", files.executableBits ? "true" : "false"),
            ("core.symlinks", files.symbolicLinks ? "true" : "false"),
            ("core.ignoreCase", files.ignoresCase ? "true" : "false"), ("core.precomposeUnicode", "false"),
            ("core.protectHFS", "true"), ("core.protectNTFS", "true"), ("core.quotePath", "true"),
            ("core.pager", "cat"), ("core.editor", "false"), ("core.sshCommand", "false"), ("core.askPass", "false"),
            ("core.logAllRefUpdates", "false"), ("core.compression", "1"), ("core.bigFileThreshold", "16m"),
            ("core.checkStat", "default"), ("core.trustctime", "true"), ("core.splitIndex", "false"),
            ("core.fsync", "loose-object,pack,pack-metadata,commit-graph,reference"), ("core.fsyncMethod", "fsync"),
            ("index.version", "2"), ("gc.auto", "0"), ("gc.autoDetach", "false"), ("maintenance.auto", "false"),
            ("commit.gpgSign", "false"), ("tag.gpgSign", "false"), ("push.gpgSign", "false"),
            ("credential.helper", ""), ("submodule.recurse", "false"), ("fetch.recurseSubmodules", "false"),
            ("fetch.prune", "false"), ("fetch.pruneTags", "false"), ("fetch.fsckObjects", "true"),
            ("fetch.unpackLimit", "1"), ("fetch.writeCommitGraph", "false"), ("fetch.negotiationAlgorithm", "default"),
            ("fastimport.unpackLimit", "1"), ("transfer.fsckObjects", "true"), ("receive.fsckObjects", "true"),
            ("transfer.advertiseSID", "false"), ("protocol.allow", "never"), ("protocol.version", "0"),
            ("merge.renames", "false"), ("merge.directoryRenames", "false"), ("merge.conflictStyle", "merge"),
            ("diff.renames", "false"), ("pack.threads", "1"), ("pack.window", "4"), ("pack.writeBitmaps", "false"),
            ("repack.writeBitmaps", "false"), ("safe.directory", "*"), ("uploadpack.allowFilter", "false"),
            ("uploadpack.allowReachableSHA1InWant", "true"), ("transfer.hideRefs", "refs"),
            ("transfer.hideRefs", "!refs/baton"), ("transfer.hideRefs", "HEAD"), ("advice.detachedHead", "false"),
        ]
        for flaw in toleratedFlaws.split(separator: ",") {
            let name = flaw.prefix { $0 != "=" }
            settings.append(("fetch.fsck.\(name)", "ignore"))
        }
        return settings
    }

    /// - Parameter home: an existing folder of ours without any configuration; git looks for some in `HOME`.
    static func variables(installation: GitInstallation, home: String, files: FileSystem) -> [String] {
        var variables = [
            "PATH=\(installation.folder):/usr/bin:/bin", "HOME=\(home)", "XDG_CONFIG_HOME=\(home)", "LC_ALL=C",
            "LANGUAGE=", "TZ=UTC", "TERM=dumb", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_SYSTEM=/dev/null",
            "GIT_CONFIG_GLOBAL=/dev/null", "GIT_ATTR_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=false",
            "SSH_ASKPASS=false", "GIT_SSH_COMMAND=false", "GIT_EDITOR=false", "GIT_SEQUENCE_EDITOR=false",
            "GIT_PAGER=cat", "GIT_OPTIONAL_LOCKS=0", "GIT_LITERAL_PATHSPECS=1", "GIT_NO_REPLACE_OBJECTS=1",
            "GIT_NO_LAZY_FETCH=1", "GIT_ADVICE=0", "GIT_CEILING_DIRECTORIES=/", "GIT_MERGE_AUTOEDIT=no",
            "GIT_DISCOVERY_ACROSS_FILESYSTEM=0", "GIT_DEFAULT_HASH=sha1",
        ]
        let settings = settings(files)
        variables.append("GIT_CONFIG_COUNT=\(settings.count)")
        for (number, setting) in settings.enumerated() {
            variables.append("GIT_CONFIG_KEY_\(number)=\(setting.0)")
            variables.append("GIT_CONFIG_VALUE_\(number)=\(setting.1)")
        }
        return variables
    }

    /// Who signs a commit and when (seconds since 1970). Dates before 1970 are refused by git and are never ours.
    package static func identity(_ name: String, email: String, seconds: Int64) -> [String] {
        let date = "@\(max(0, seconds)) +0000"
        return [
            "GIT_AUTHOR_NAME=\(name)", "GIT_AUTHOR_EMAIL=\(email)", "GIT_AUTHOR_DATE=\(date)",
            "GIT_COMMITTER_NAME=\(name)", "GIT_COMMITTER_EMAIL=\(email)", "GIT_COMMITTER_DATE=\(date)",
        ]
    }
}
