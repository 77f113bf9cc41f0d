/// The newest versions of the formats on disk that are known (docs/storage-format.md).
public enum StorageVersion {
    public static var directory: UInt32 { DataDirectory.version }
    public static var log: UInt32 { LogFormat.version }
    public static var manifest: UInt32 { ManifestFormat.version }
    public static var tables: UInt32 { TableFormat.version }
}
