"""The language server: ``modelint server``, for editors. Needs the extra ``lsp``."""
