public enum NormaCompilerPlaceholder {}
